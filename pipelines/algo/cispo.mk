# CISPO (MiniMax-M1, arXiv 2506.13585): the clipped ratio as a weight, no gold.
INJECT ?= --when never
