# LUFFY (arXiv 2504.14945): the gold stands in every group, first, and is shaped.
INJECT    ?= --when always
ADVANTAGE ?= --rule dr-grpo
