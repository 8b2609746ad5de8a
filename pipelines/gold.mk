# gold.mk - golds from a teacher, for the prompts that the policy cannot solve.
#
#   make -f pipelines/gold.mk GOLDS=runs/golds MODEL=base TEACHER=big PROMPTS=prompts.jsonl
#   make -f pipelines/train.mk RUN=runs/x MODEL=base PROMPTS=prompts.jsonl INJECT='--when all-wrong --gold runs/golds/golds.jsonl.zst'
#
#   GOLDS/params.mk          what it was started with; it refuses to go on under anything else
#         rollouts.jsonl.zst base.jsonl.zst   the policy's responses; the same, judged
#         ask.jsonl.zst      the prompts of groups that are all wrong
#         asked.jsonl.zst    the teacher's responses to them
#         judged.jsonl.zst   the same, judged, under the prompts as they were
#         golds.jsonl.zst    one correct response for each prompt that has any: gcpo-inject-gold --gold
#         missing.jsonl      the ids that have none
#         lint.txt           what gcpo-gold lint says of the golds, beside the policy's responses
#
# For the next teacher, ask only about what is missing:
#
#   gcpo-cat --ids runs/golds/missing.jsonl -o hard.jsonl.zst prompts.jsonl
#   make -f pipelines/gold.mk GOLDS=runs/golds2 MODEL=base TEACHER=bigger PROMPTS=hard.jsonl.zst
#
# Every file is a target: kill it, type make again.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
need = $(if $($1),,$(error $1= is missing: $2))
$(call need,GOLDS,the folder for the golds)
$(call need,MODEL,the policy: the model that will be trained)
$(call need,TEACHER,the model that is asked for golds)
export PATH := $(if $(BIN),$(BIN):)$(PATH)

# judged groups of the policy that are there already, a run's steps, say; empty: it is asked now
GROUPS ?=
$(if $(GROUPS),,$(call need,PROMPTS,a file of prompts with answers))

# The teacher: responses per prompt, tokens per response, and its own chat format in TEACHER_ROLLOUT (--chat, --suffix)
TEACHER_N ?= 16
TEACHER_TOKENS ?= $(MAX_TOKENS)
TEACHER_TEMPERATURE ?= 1
TEACHER_TOP_P ?= 1
TEACHER_SEED ?= 0
TEACHER_ROLLOUT ?=
# 1: it is told the answer.  Its working may then only pretend to find it
HINT ?= 0
HINT_TEXT ?= The answer is known to be ANSWER. Show how to find it.
# Which response becomes the gold (gcpo-gold pick): shortest, likeliest under the policy, random
BY ?= shortest
# least and largest number of the policy's tokens, with the end token
TOKENS ?= :$(MAX_TOKENS)
# further options of gcpo-gold pick: --thought drop, --chat ...
PICK ?=
include $(HERE)/options.mk

FIXED := MODEL TEACHER PROMPTS GROUPS N MAX_TOKENS TEMPERATURE TOP_P SEED ROLLOUT VERIFY TEACHER_N TEACHER_TOKENS \
         TEACHER_TEMPERATURE TEACHER_TOP_P TEACHER_SEED TEACHER_ROLLOUT HINT HINT_TEXT BY TOKENS PICK
include $(HERE)/params.mk

self := $(MAKE) -f $(firstword $(MAKEFILE_LIST))

.PHONY: golds
golds:
	+@$(call locked,$(GOLDS),gold.mk); $(self) '$(GOLDS)/params.ok'; $(self) $(GOLDS)/lint.txt
	@printf '%s of %s prompts that are all wrong have a gold: %s\n' "$$(zstdcat $(GOLDS)/golds.jsonl.zst | wc -l)" \
	    "$$(zstdcat $(GOLDS)/ask.jsonl.zst | wc -l)" '$(GOLDS)/golds.jsonl.zst'

$(call params_rule,$(GOLDS),gold.mk)

ifeq ($(GROUPS),)
$(GOLDS)/rollouts.jsonl.zst:
	gcpo-rollout -m $(MODEL) $(call rollout_options,$(N),$(SEED)) -o $@ $(PROMPTS)

$(GOLDS)/base.jsonl.zst: | $(GOLDS)/rollouts.jsonl.zst
	gcpo-verify $(VERIFY) -o $@ $(GOLDS)/rollouts.jsonl.zst
else
$(GOLDS)/base.jsonl.zst:
	gcpo-cat -o $@ $(GROUPS)
endif

# Once each, however often the prompt was all wrong; under "asked_as" what the prompt was before the hint.
$(GOLDS)/ask.jsonl.zst: | $(GOLDS)/base.jsonl.zst
	gcpo-inject-gold --undo $(GOLDS)/base.jsonl.zst | gcpo-cat --where all-wrong --plain | \
	    jq -c --argjson hint $(HINT) --arg text '$(HINT_TEXT)' -f $(HERE)/ask.jq | awk '!seen[$$0]++' | gcpo-cat -o $@

$(GOLDS)/asked.jsonl.zst: | $(GOLDS)/ask.jsonl.zst
	gcpo-rollout -m $(TEACHER) -n $(TEACHER_N) --max-tokens $(TEACHER_TOKENS) --temperature $(TEACHER_TEMPERATURE) --top-p $(TEACHER_TOP_P) \
	    -s $(TEACHER_SEED) -j $(THREADS) $(if $(MEMORY),--memory $(MEMORY)) $(TEACHER_ROLLOUT) -o $@ $(GOLDS)/ask.jsonl.zst

# The teacher's token ids and log-probabilities mean nothing to the policy.
$(GOLDS)/judged.jsonl.zst: | $(GOLDS)/asked.jsonl.zst
	zstdcat $(GOLDS)/asked.jsonl.zst | gcpo-verify $(VERIFY) | zstdcat | \
	    jq -c 'del(.responses[].tokens, .responses[].logprobs, .prompt_tokens, .opens_thought) + (.asked_as // {}) | del(.asked_as)' | gcpo-cat -o $@

$(GOLDS)/golds.jsonl.zst: | $(GOLDS)/judged.jsonl.zst
	gcpo-gold pick -m $(MODEL) --by $(BY) --tokens $(TOKENS) -s $(TEACHER_SEED) $(PICK) --missing $(GOLDS)/missing.jsonl -o $@ $(GOLDS)/judged.jsonl.zst

$(GOLDS)/lint.txt: | $(GOLDS)/golds.jsonl.zst
	gcpo-cat --ids $(GOLDS)/golds.jsonl.zst $(GOLDS)/base.jsonl.zst | gcpo-inject-gold --undo | \
	    gcpo-gold lint -m $(MODEL) --gold $(GOLDS)/golds.jsonl.zst -o $@
