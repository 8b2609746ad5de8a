# DAPO (arXiv 2503.14476) with its refill: token ratios, clip-higher, a mean over tokens, the soft overlong penalty; and
# groups without contrast are left out and others are asked in their place, up to REFILL times as many prompts again.
PRESET    ?= dapo
INJECT    ?= --when never
VERIFY    ?= --overlong $(shell expr $(MAX_TOKENS) / 5)
ADVANTAGE ?= --keep contrast
REFILL    ?= 2
