# Dr. GRPO (arXiv 2503.20783): advantages without the deviation, a constant length.
INJECT    ?= --when never
ADVANTAGE ?= --rule dr-grpo
