# base.mk - a small model that has just learned to calculate, for the demo and the comparison.
#
#   make -f pipelines/demo/base.mk B=runs/demo/base-1 BASE=1 EXCLUDE=heldout.jsonl
#
# Supervised fine-tuning on golds from random weights, until half of tier 2 is solved: by skill, not by count, since the
# step at which a model begins to calculate moves with the seed.
#
#   B/chunk-0001 ...  25 optimizer steps on 1600 fresh problems each
#   B/model           the chunk that was good enough

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
export PATH := $(if $(BIN),$(BIN):)$(PATH)

need = $(if $($1),,$(error $1= is missing: $2))
$(call need,B,the folder of the base)
# seed: the first weights and the problems
BASE ?= 1
# prompt files whose problems must not be learned
EXCLUDE ?=
# tokens per response, where skill is measured
MAX_TOKENS ?= 40
THREADS ?= 1

problems = awk -f $(HERE)/problems.awk

.PHONY: base
base: $(B)/model.done

$(B)/skill.jsonl: | $(EXCLUDE)
	@mkdir -p $(@D)
	@$(problems) -v seed=998 -v n=0 -v mix=2:24 -v prefix=skill -v distinct=1 $(EXCLUDE) < /dev/null > $@.part
	@mv $@.part $@

# the demo's architecture, with random weights
$(B)/chunk-0000/model.done:
	@mkdir -p $(@D)
	@rm -rf $(@D)/model
	@gcpo-model init --family qwen2 --vocab-from $(HERE)/tokenizer.json --hidden 64 --layers 3 --heads 4 --kv-heads 2 --head-dim 16 --ff 192 \
	    --context 256 --tied --std-embed 0.05 --std-in 0.06 --rope-theta 10000 -s $(BASE) -o $(@D)/model
	@gcpo-model info --digest $(@D)/model > $@.part
	@mv $@.part $@

chunk = $(B)/chunk-$(shell printf %04d $1)

ifdef CHUNK
C    := $(call chunk,$(CHUNK))
PREV := $(call chunk,$(shell expr $(CHUNK) - 1))

$(C)/golds.jsonl.zst: | $(EXCLUDE) $(PREV)/model.done
	@mkdir -p $(@D)
	@$(problems) -v seed=$$((10000 * $(BASE) + $(CHUNK))) -v n=1600 -v mix=1:86,2:10,5:4 -v prefix=sft $(EXCLUDE) < /dev/null | \
	    gcpo-verify | gcpo-inject-gold -m $(PREV)/model --when always -o $@

$(C)/model.done: | $(C)/golds.jsonl.zst
	rm -rf $(C)/model $(C)/state
	gcpo-update -m $(PREV)/model $(if $(filter 1,$(CHUNK)),,--state $(PREV)/state) --algo sft --lr 3e-3 --beta2 0.98 --weight-decay 0.01 \
	    --warmup 50 --decay cosine --decay-steps 1000 --lr-end 0.1 --minibatches 25 -j $(THREADS) \
	    -o $(C)/model --state-out $(C)/state --metrics $(C)/metrics.jsonl $(C)/golds.jsonl.zst
	gcpo-model info --digest $(C)/model > $@.part
	@mv $@.part $@

$(C)/skill.json: | $(C)/model.done $(B)/skill.jsonl
	gcpo-rollout -m $(C)/model -n 8 --max-tokens $(MAX_TOKENS) -j $(THREADS) $(B)/skill.jsonl | gcpo-verify | gcpo-stat --json > $@.part
	@mv $@.part $@
	rm -rf $(if $(filter 1,$(CHUNK)),,$(PREV)/model $(PREV)/state) $(C)/golds.jsonl.zst
endif

mean8 = (.all // .).mean.value

$(B)/model.done: | $(B)/skill.jsonl $(B)/chunk-0000/model.done
	+@for c in $$(seq 1 40); do \
	    dir=$(B)/chunk-$$(printf %04d $$c); \
	    [ -e $$dir/skill.json ] || $(MAKE) -f $(firstword $(MAKEFILE_LIST)) CHUNK=$$c $$dir/skill.json > $(B)/log 2>&1 || { tail -5 $(B)/log; exit 1; }; \
	    skill=$$(jq -r '$(mean8)' $$dir/skill.json); \
	    printf 'base %s: %4d optimizer steps, tier 2 mean@8 %.2f\n' $(BASE) $$((25 * c)) $$skill; \
	    if awk "BEGIN { exit !($$skill >= 0.5) }"; then \
	        cp -r $$dir/model $(B)/model.part; rm -rf $(B)/model; mv $(B)/model.part $(B)/model; \
	        gcpo-model info --digest $(B)/model > $@.part; mv $@.part $@; exit 0; \
	    fi; \
	done; echo 'base.mk: the base has not learned tier 2 in 1000 steps' >&2; exit 1
