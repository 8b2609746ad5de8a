# bisect.mk - the first step of a run at which a condition holds.
#
#   make -f pipelines/bisect.mk RUN=runs/x DEV=dev.jsonl WHEN='.mean.value < 0.3'
#   make -f pipelines/bisect.mk RUN=runs/x TEST='my-test "$MODEL"'
#
#   WHEN   a jq condition on what gcpo-stat --json says of the step's responses to DEV (default: the run's)
#   TEST   a command instead, with MODEL and STEP in its environment; status 0: it holds
#   OUT    default RUN/bisect: 0016.json the figures of step 16, 0016.answer yes or no, first what was found
#
# It must not hold at step 0, must hold at the last one, and is taken to stay true once it is: some 7 of 100 steps are looked
# at.  Models that were pruned are made again (replay.mk).  Every answer is a file: kill it, type it again.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
need = $(if $($1),,$(error $1= is missing: $2))
$(call need,RUN,the folder of the run)
$(if $(WHEN)$(TEST),,$(error WHEN= or TEST= is missing: the condition))
OUT ?= $(RUN)/bisect
# as they stand: a dollar in them is the shell's, or jq's
override WHEN := $(value WHEN)
override TEST := $(value TEST)
export PATH := $(if $(BIN),$(BIN):)$(PATH)
self := $(MAKE) -f $(firstword $(MAKEFILE_LIST))

ifeq ($(wildcard $(RUN)/params.mk),)
$(error $(RUN) is no run)
endif
$(shell mkdir -p '$(OUT)' && sed -n -e '/^\(MODEL\|DEV\|EVAL_N\|EVAL_SEED\|MAX_TOKENS\|TEMPERATURE\|TOP_P\|ROLLOUT\|VERIFY\) /!d' \
    -e 's/\$$/$$$$/g' -e 's/\#/\\\#/g' -e 's/ := / ?= /p' '$(RUN)/params.mk' > '$(OUT)/.run.mk')
include $(OUT)/.run.mk
include $(HERE)/options.mk
$(if $(TEST),,$(call need,DEV,a file of prompts with answers))

define condition
WHEN := $(WHEN)
TEST := $(TEST)
DEV := $(DEV)
EVAL_N := $(EVAL_N)
EVAL_SEED := $(EVAL_SEED)
endef

LAST ?= $(shell ls -d $(RUN)/step-*/model.done | sed 's/.*step-0*\([0-9].*\)\/.*/\1/' | sort -n | tail -1)

.PHONY: bisect
bisect: export CONDITION = $(condition)
bisect:
	+@if [ -e '$(OUT)/condition' ]; then cmp -s '$(OUT)/condition' <<< "$$CONDITION" || { echo 'bisect.mk: $(OUT) has answers to another condition' >&2; exit 65; }; \
	else cat <<< "$$CONDITION" > '$(OUT)/.condition.part'; mv '$(OUT)/.condition.part' '$(OUT)/condition'; fi; \
	holds() { local f; f=$$(printf '$(OUT)/%04d.answer' $$1); [ -e "$$f" ] || $(self) ASK=$$1 "$$f" >&2 || exit 65; [ "$$(cat "$$f")" = yes ]; }; \
	lo=0 hi=$(LAST); \
	if ! holds $$hi; then echo "it does not hold at the last step, $$hi" | tee '$(OUT)/first'; exit 1; fi; \
	if holds $$lo; then echo 0 > '$(OUT)/first'; echo 'it holds at step 0 already'; exit 0; fi; \
	while [ $$((hi - lo)) -gt 1 ]; do mid=$$(((lo + hi) / 2)); if holds $$mid; then hi=$$mid; else lo=$$mid; fi; done; \
	echo $$hi > '$(OUT)/first'; echo "it holds from step $$hi on: look into $$(printf '$(RUN)/step-%04d' $$hi)"

ifdef ASK
NAME := $(shell printf %04d $(ASK))
FOLDER := $(RUN)/step-$(NAME)
PRUNED := $(if $(filter 0,$(ASK)),,$(if $(wildcard $(FOLDER)/model/config.json),,yes))
IT := $(if $(filter 0,$(ASK)),$(MODEL),$(if $(PRUNED),$(OUT)/replay-$(NAME)/model,$(FOLDER)/model))

$(OUT)/replay-$(NAME)/model.done:
	@MAKEFLAGS=--no-print-directory $(MAKE) -f $(HERE)/replay.mk RUN=$(RUN) STEP=$(ASK) OUT=$(@D) THREADS=$(THREADS) BIN=$(BIN) > /dev/null

$(OUT)/$(NAME).json: | $(if $(PRUNED),$(OUT)/replay-$(NAME)/model.done)
	@gcpo-rollout -m $(IT) $(call rollout_options,$(EVAL_N),$(EVAL_SEED)) $(DEV) | gcpo-verify $(VERIFY) | gcpo-stat --json > $@.part
	@mv $@.part $@

$(OUT)/$(NAME).answer: export MODEL := $(IT)
$(OUT)/$(NAME).answer: export STEP := $(ASK)
$(OUT)/$(NAME).answer: export override TEST := $(TEST)
$(OUT)/$(NAME).answer: export override WHEN := $(WHEN)
$(OUT)/$(NAME).answer: | $(if $(TEST),$(if $(PRUNED),$(OUT)/replay-$(NAME)/model.done),$(OUT)/$(NAME).json)
	@status=0; $(if $(TEST),bash -c "$$TEST" > /dev/null,jq -e "(.all // .) | $$WHEN" $(OUT)/$(NAME).json > /dev/null) || status=$$?; \
	case $$status in 0) answer=yes ;; 1) answer=no ;; *) echo "bisect.mk: the condition ended with status $$status at step $(ASK)" >&2; exit 65 ;; esac; \
	echo $$answer > $@.part; rm -rf $(OUT)/replay-$(NAME); mv $@.part $@; \
	echo "step $(ASK): $$answer"
endif
