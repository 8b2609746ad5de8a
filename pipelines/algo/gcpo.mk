# GCPO (arXiv 2510.07790): where every response is wrong, one becomes the gold; whole-sequence ratios.
INJECT ?= --when all-wrong
