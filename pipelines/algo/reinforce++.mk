# REINFORCE++ (arXiv 2501.03262): rewards whitened over the tokens of the step.
INJECT    ?= --when never
ADVANTAGE ?= --rule reinforce++
