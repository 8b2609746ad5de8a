# GSPO (arXiv 2507.18071): whole-sequence ratios, no gold.
INJECT ?= --when never
