# DAPO's loss (arXiv 2503.14476) without its refill: token ratios, clip-higher, a mean over tokens, no gold.
# Groups without contrast stay as they are, so that every method has the same number of rollouts.
PRESET ?= dapo
INJECT ?= --when never
