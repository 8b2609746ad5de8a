# Supervised fine-tuning on golds: every prompt's, nothing is sampled.
INJECT ?= --when always
