# arm.mk - one arm of the comparison, trained from one base with a budget of rollouts.
#
#   make -f pipelines/compare/arm.mk ARM=gcpo RUN=runs/x SEED=1 MODEL=base P=problems DEV=dev.jsonl LR=2e-4 MINIBATCHES=8
#
#   RUN/            a run of train.mk (of sft-dapo the second phase; RUN/sft is the first)
#   RUN/costs.json  rollouts, golds, floating-point operations
#   RUN/curve.tsv   share of the budget, tier, mean@8
#   RUN/model.done  names the last step's model, which stays
#
# The budget is STEPS x 32 prompts with 8 responses each, for every arm.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
export PATH := $(if $(BIN),$(BIN):)$(PATH)

need = $(if $($1),,$(error $1= is missing: $2))
$(call need,ARM,one of arms.mk)
$(call need,RUN,the folder of the run)
$(call need,SEED,of the order of the problems and of sampling)
$(call need,MODEL,the base)
$(call need,P,the folder of problems)
$(call need,DEV,problems for evaluation)
$(call need,LR,the learning rate)
$(call need,MINIBATCHES,optimizer steps per step)
STEPS    ?= 80
PER_STEP ?= 32
THREADS  ?= 1
# steps; 0: only the last
EVAL_EVERY ?= 0

include $(HERE)/arms.mk

style = $(or $(filter foreign long bare,$(lastword $(subst -, ,$(ARM)))),own)

# A step of DAPO asks about twice as many prompts as it trains on: half the steps.
decay_steps = $(if $(filter dapo,$(ARM)),$(shell expr $(STEPS) / 2),$2)

# $1: the run's folder  $2: its steps  $3: further settings
train = $(MAKE) -f $(HERE)/../train.mk RUN=$1 PROMPTS=$P/$(style).jsonl STEPS=$2 N=8 PER_STEP=$(PER_STEP) MAX_TOKENS=96 \
    LR=$(LR) MINIBATCHES=$(MINIBATCHES) WARMUP=$(shell expr $(STEPS) / 16 '*' $(MINIBATCHES)) DECAY=linear LR_END=0.1 \
    DECAY_STEPS=$(shell expr $(decay_steps) '*' $(MINIBATCHES)) BETA2=0.99 DEV=$(DEV) EVAL_EVERY=$(EVAL_EVERY) KEEP=1 \
    THREADS=$(THREADS) BIN=$(BIN) $3 $4

step = $1/step-$(shell printf %04d $2)

.PHONY: arm
arm: $(RUN)/model.done $(RUN)/costs.json $(RUN)/curve.tsv

# the first quarter of sft-dapo's budget
first := $(shell expr $(STEPS) / 4)

ifeq ($(ARM),sft-dapo)
$(RUN)/model.done: | $(MODEL)
	+@$(call train,$(RUN)/sft,$(first),MODEL=$(MODEL) SEED=$$(($(SEED) + 1000)) ALGO=sft INJECT='--when all-wrong')
	+@$(call train,$(RUN),$(shell expr $(STEPS) - $(first)),MODEL=$(call step,$(RUN)/sft,$(first))/model SEED=$(SEED) ALGO=$(algo))
	@echo $(call step,$(RUN),$(shell expr $(STEPS) - $(first)))/model > $@.part
	@mv $@.part $@
else ifeq ($(ARM),dapo)
# Step by step until the prompts that were asked reach the budget.
$(RUN)/model.done: | $(MODEL)
	+@asked=0; k=0; \
	while [ $$asked -lt $$(($(STEPS) * $(PER_STEP))) ]; do \
	    k=$$((k + 1)); name=$(RUN)/step-$$(printf %04d $$k); \
	    [ -e $$name/model.done ] || $(call train,$(RUN),$$k,MODEL=$(MODEL) SEED=$(SEED) ALGO=$(algo),$$name/model.done); \
	    asked=$$((asked + $$(zstdcat $$name/rollouts.jsonl.zst | wc -l))); \
	done; \
	$(call train,$(RUN),$$k,MODEL=$(MODEL) SEED=$(SEED) ALGO=$(algo)); \
	echo $$name/model > $@.part; mv $@.part $@
else
$(RUN)/model.done: | $(MODEL)
	+@$(call train,$(RUN),$(STEPS),MODEL=$(MODEL) SEED=$(SEED) ALGO=$(algo) $(set.$(ARM)))
	@echo $(call step,$(RUN),$(STEPS))/model > $@.part
	@mv $@.part $@
endif

# A token costs 2 operations per parameter forward and 4 backward; attention is left out.
phases := $(if $(filter sft-dapo,$(ARM)),$(RUN)/sft )$(RUN)
$(RUN)/costs.json: | $(RUN)/model.done
	@for r in $(phases); do \
	    zstdcat $$r/step-*/rollouts.jsonl.zst | jq -c --arg of sampling -f $(HERE)/costs.jq; \
	    of=training; if grep -q '^ALGO := sft' $$r/params.mk; then of=nll; fi; \
	    zstdcat $$r/step-*/step.jsonl.zst | jq -c --arg of $$of -f $(HERE)/costs.jq; \
	done | awk -F'[][,]' -v p=$$(gcpo-model info --json $(MODEL) | jq .parameters) '{ for (i = 1; i <= 5; i++) n[i] += $$(i + 1) } \
	    END { printf "{\"rollouts\":%d,\"golds\":%d,\"flops\":%.0f}\n", n[1], n[4], (2 * (n[2] + n[5]) + 6 * n[3]) * p }' > $@.part
	@mv $@.part $@

# Evaluations by the share of the budget that had been asked: share, tier, mean@8.
$(RUN)/curve.tsv: | $(RUN)/model.done
	@for r in $(phases); do \
	    before=0; [ $$r != $(RUN) -o $(words $(phases)) -eq 1 ] || before=$$(zstdcat $(RUN)/sft/step-*/prompts.jsonl.zst | wc -l); \
	    for f in $$r/eval/*.json; do \
	        k=$$(basename $$f .json); asked=$$before; \
	        for step in $$(seq -f %04.0f 1 $$((10#$$k))); do asked=$$((asked + $$(zstdcat $$r/step-$$step/rollouts.jsonl.zst | wc -l))); done; \
	        jq -r --argjson share $$(awk "BEGIN { printf \"%.3f\", $$asked / $(STEPS) / $(PER_STEP) }") '.cells[] | [$$share, .value, .stat.mean.value] | @tsv' $$f; \
	    done; \
	done > $@.part
	@mv $@.part $@
