# RLOO (arXiv 2402.14740): each reward against the mean of the others.
INJECT    ?= --when never
ADVANTAGE ?= --rule rloo
