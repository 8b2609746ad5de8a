# GRPO (DeepSeekMath, arXiv 2402.03300): token ratios, a mean per response, no gold.
INJECT ?= --when never
