# compare.mk - what GCPO is worth beside plain SFT, GRPO, DAPO and GSPO, on the demo's task.
#
#   make -j2 -f pipelines/compare.mk SEEDS=3           two tables: runs/compare/table.md
#   make -j2 -f pipelines/compare.mk tune              tunes the arms again: runs/compare/tune/grid.tsv
#
# A seed is its own base, its own problems and its own run of every arm (compare/arm.mk).  All arms start from the same
# base with the same number of rollouts.  Learning rate and minibatches of each arm were tuned on the base of seed 0, which
# takes no part in the tables, by problems that take no part either; compare/grid.tsv is what came out.
#
#   D/problems/heldout.jsonl   256 problems of each of six tiers; 4 and 6 are never trained, 5 only by the base
#   D/seed-1/base/             the base, made by demo/base.mk
#   D/seed-1/gcpo/ ...         a run of train.mk for each arm, with costs.json
#   D/seed-1/test/gcpo/        its verdicts on the held-out problems
#   D/results.tsv              seed, arm, tier, mean@8, pass@8
#   D/costs.tsv                seed, arm, rollouts, golds, floating-point operations
#   D/curves.tsv               seed, arm, share of the budget, tier, mean@8
#   D/table.md                 the tables
#   D/report.html              all runs on one page (of the first three seeds)
#
# Every file is a target: kill it, type make again.  -jN works on N arms at a time.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
# the programs' folder; those on PATH, else those that `make` built here
BIN ?= $(if $(shell command -v gcpo-update),,$(abspath $(wildcard $(HERE)/../build/release)))
export PATH := $(if $(BIN),$(BIN):)$(PATH)

D        ?= runs/compare
SEEDS    ?= 3
STEPS    ?= 80
PER_TIER ?= 256
THREADS  ?= 1
# what tuning found
GRID ?= $(HERE)/compare/grid.tsv

include $(HERE)/compare/arms.mk
ARMS ?= $(arms) $(style_arms)
seeds := $(shell seq 1 $(SEEDS))

problems = awk -f $(HERE)/demo/problems.awk -v distinct=1
P := $(D)/problems

self = $(MAKE) -f $(firstword $(MAKEFILE_LIST))

.PHONY: compare tables
compare:
	+@$(self) plan
	+@$(self) tables

tables: $(D)/table.md $(D)/report.html
	@cat $(D)/table.md; echo; echo 'Files: $(D)/report.html, $(D)/table.md, $(D)/results.tsv, $(D)/costs.tsv, $(D)/curves.tsv'

# ---- problems ----

$(P)/heldout.jsonl:
	@mkdir -p $(@D)
	@$(problems) -v seed=999 -v n=0 -v mix=1:$(PER_TIER),2:$(PER_TIER),3:$(PER_TIER),4:$(PER_TIER),5:$(PER_TIER),6:$(PER_TIER) -v prefix=heldout < /dev/null > $@.part
	@mv $@.part $@

# for tuning and for learning curves
$(P)/dev.jsonl: | $(P)/heldout.jsonl
	@$(problems) -v seed=997 -v n=0 -v mix=1:32,2:32,3:32 -v prefix=dev $(P)/heldout.jsonl > $@.part
	@mv $@.part $@

apart := $(P)/heldout.jsonl $(P)/dev.jsonl

# Three times what the budget asks, so that DAPO's refill draws no problem twice; one file for each style of the golds.
# $1: the seed  $2: the style
define problem_file
$(D)/seed-$1/problems/$2.jsonl: | $(apart)
	@mkdir -p $$(@D)
	@$(problems) -v seed=$$$$((500 + $1)) -v n=$$$$(($(STEPS) * 96)) -v mix=1:20,2:40,3:40 -v prefix=rl -v style=$2 $(apart) > $$@.part
	@mv $$@.part $$@
endef

# Each problem with the gold and the answer of the next one of its tier.
define placebo_file
$(D)/seed-$1/problems/placebo.jsonl: | $(D)/seed-$1/problems/own.jsonl
	@jq -cs 'group_by(.tier)[] | . as $$$$t | range(length) as $$$$i | $$$$t[($$$$i + 1) % length] as $$$$other | \
	    {id: $$$$t[$$$$i].id, answer: $$$$other.answer, gold: $$$$other.gold}' $(D)/seed-$1/problems/own.jsonl | gcpo-verify -o $$@
endef

define base
$(D)/seed-$1/base/model.done: | $(apart)
	+@$(MAKE) -f $(HERE)/demo/base.mk B=$(D)/seed-$1/base BASE=$$$$(($1 + 1)) 'EXCLUDE=$(apart)' THREADS=$(THREADS) BIN=$(BIN)
endef

styles := own foreign long bare
$(foreach s,0 $(seeds),$(eval $(call base,$s))$(eval $(call placebo_file,$s))$(foreach y,$(styles),$(eval $(call problem_file,$s,$y))))
material = $(D)/seed-$1/base/model.done $(patsubst %,$(D)/seed-$1/problems/%.jsonl,$(styles) placebo)

# $1: the seed  $2: the arm  $3: the run's folder  $4: LR:MINIBATCHES
arm = $(MAKE) -f $(HERE)/compare/arm.mk ARM=$2 RUN=$3 SEED=$1 MODEL=$(D)/seed-$1/base/model P=$(D)/seed-$1/problems \
    DEV=$(P)/dev.jsonl LR=$(word 1,$(subst :, ,$4)) MINIBATCHES=$(word 2,$(subst :, ,$4)) STEPS=$(STEPS) THREADS=$(THREADS) BIN=$(BIN)

# ---- tuning, on seed 0 ----

T := $(D)/tune

# Learning rates and minibatches that are tried: golds alone bear larger steps.
$(foreach a,$(arms),$(eval TRY.$a := 2e-4:8 4e-4:2))
$(foreach a,grpo dapo-loss gcpo sft-dapo,$(eval TRY.$a := 2e-4:8 4e-4:8 4e-4:2))
TRY.sft-all  := 2e-4:8 4e-4:8 8e-4:8 1.6e-3:8 8e-4:2
TRY.sft-hard := 2e-4:8 4e-4:8 8e-4:8 8e-4:2

# $1: the arm  $2: LR:MINIBATCHES  $3: the run's folder
define trial
$3/score.tsv: | $(call material,0)
	@mkdir -p $$(@D)
	+@$(call arm,0,$1,$3,$2) $3/model.done > $3/log 2>&1 || { tail -5 $3/log; exit 1; }
	@jq -r '[.cells[].stat.mean.value] | ["$1", "$(word 1,$(subst :, ,$2))", "$(word 2,$(subst :, ,$2))"] + map(. * 1e4 | round / 1e4) + [add / length * 1e4 | round / 1e4] | @tsv' \
	    $$$$(ls $3/eval/*.json | tail -1) > $$@.part
	@mv $$@.part $$@
	@rm -rf $3/step-* $3/sft
	@echo "tuned: $1, learning rate $(word 1,$(subst :, ,$2)), $(word 2,$(subst :, ,$2)) minibatches: mean@8 $$$$(cut -f7 $$@)"
endef
trial_folder = $(T)/$1/$(subst :,-,$2)
$(foreach a,$(arms),$(foreach t,$(TRY.$a),$(eval $(call trial,$a,$t,$(call trial_folder,$a,$t)))))
trials := $(foreach a,$(arms),$(foreach t,$(TRY.$a),$(call trial_folder,$a,$t)/score.tsv))

.PHONY: tune
tune: $(T)/grid.tsv
	@cat $<

$(T)/grid.tsv: $(trials)
	@{ printf 'arm\tlr\tminibatches\ttier1\ttier2\ttier3\tmean\n'; cat $(trials); } > $@.part
	@mv $@.part $@

# The arms of the second table take over what their parents were tuned to; an arm that was not has what the demo has.
parent = $(if $(filter gcpo-foreign gcpo-long gcpo-bare gcpo-noise,$1),gcpo,$(if $(filter sft-foreign sft-long sft-bare,$1),sft-all,$(patsubst %-noise,%,$1)))
tuned = $(or $(shell awk -F'\t' -v arm=$(call parent,$1) '$$1 == arm && (!best || $$7 > best) { best = $$7; at = $$2 ":" $$3 } END { print at }' $(GRID)),2e-4:8)

# ---- every arm on every seed ----

# $1: the seed  $2: the arm
define run
$(D)/seed-$1/test/$2/stat.json: | $(call material,$1)
	@mkdir -p $$(@D) $(D)/seed-$1/$2
	+@{ $(call arm,$1,$2,$(D)/seed-$1/$2,$(call tuned,$2)) EVAL_EVERY=20 && \
	    $(MAKE) -f $(HERE)/eval.mk MODEL=$$$$(cat $(D)/seed-$1/$2/model.done) PROMPTS=$(P)/heldout.jsonl OUT=$$(@D) N=8 MAX_TOKENS=96 SEED=12345 BY=tier \
	    THREADS=$(THREADS) BIN=$(BIN); } > $(D)/seed-$1/$2/log 2>&1 || { tail -5 $(D)/seed-$1/$2/log; exit 1; }
	@rm -f $$(@D)/*.zst
	@echo "seed $1: $2 is done"
endef

define test_base
$(D)/seed-$1/test/base/stat.json: | $(D)/seed-$1/base/model.done
	+@$(MAKE) -f $(HERE)/eval.mk MODEL=$(D)/seed-$1/base/model PROMPTS=$(P)/heldout.jsonl OUT=$$(@D) N=8 MAX_TOKENS=96 SEED=12345 BY=tier \
	    THREADS=$(THREADS) BIN=$(BIN) > /dev/null
	@rm -f $$(@D)/*.zst
endef
$(foreach s,$(seeds),$(eval $(call test_base,$s))$(foreach a,$(ARMS),$(eval $(call run,$s,$a))))
# The first table's arms come first, on all seeds.
tested = $(foreach s,$(seeds),$(patsubst %,$(D)/seed-$s/test/%/stat.json,$1))
tests := $(call tested,base $(filter $(arms),$(ARMS))) $(call tested,$(filter-out $(arms),$(ARMS)))

# ---- how long it takes ----

missing := $(words $(filter-out %/base/stat.json $(wildcard $(tests)),$(tests)))
bases_missing := $(words $(foreach s,$(seeds),$(if $(wildcard $(D)/seed-$s/base/model.done),,x)))
jobs = $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),1)

# Two steps of random weights, with as many tokens as trained ones write, are timed.  Further: a run's evaluations and its
# test cost about 90 steps' sampling, half of what steps cost; a base about 100 steps.
.PHONY: plan
plan:
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	$(MAKE) -f $(HERE)/demo/base.mk B=$$dir BIN=$(BIN) $$dir/chunk-0000/model.done > /dev/null; \
	$(problems) -v seed=1 -v n=64 -v mix=1:20,2:40,3:40 -v prefix=plan < /dev/null > $$dir/problems.jsonl; \
	start=$$(date +%s%N); \
	$(MAKE) -f $(HERE)/train.mk RUN=$$dir/run MODEL=$$dir/chunk-0000/model PROMPTS=$$dir/problems.jsonl STEPS=2 N=8 PER_STEP=32 MAX_TOKENS=24 \
	    MINIBATCHES=8 THREADS=1 BIN=$(BIN) > /dev/null 2>&1; \
	awk -v ms=$$((($$(date +%s%N) - start) / 1000000)) -v arms=$(missing) -v bases=$(bases_missing) -v jobs=$(jobs) -v steps=$(STEPS) 'BEGIN { \
	    minutes = ms / 2 / 60000 * (arms * steps * 1.6 + bases * 100); \
	    printf "%d runs and %d bases to go: about %.0f minutes of one core, so %.0f with -j%d\n", \
	        arms, bases, minutes, minutes / jobs, jobs }'

# ---- tables ----

rows = .cells[] | [$$seed, $$arm, .value, (.stat.mean.value, (.stat.pass[] | select(.k == 8) | .value) | . * 1e4 | round / 1e4)] | @tsv
$(D)/results.tsv: $(tests)
	@{ printf 'seed\tarm\ttier\tmean@8\tpass@8\n'; \
	for f in $(tests); do \
	    name=$${f%/stat.json}; seed=$${f#$(D)/seed-}; \
	    jq -r --arg seed $${seed%%/*} --arg arm $${name##*/} '$(rows)' $$f; \
	done; } > $@.part
	@mv $@.part $@

$(D)/costs.tsv: $(tests)
	@{ printf 'seed\tarm\trollouts\tgolds\tflops\n'; \
	for s in $(seeds); do \
	    printf '%s\tbase\t0\t0\t0\n' $$s; \
	    for a in $(ARMS); do jq -r --arg seed $$s --arg arm $$a '[$$seed, $$arm, .rollouts, .golds, .flops] | @tsv' $(D)/seed-$$s/$$a/costs.json; done; \
	done; } > $@.part
	@mv $@.part $@

# Mean@8 on the tuning problems as training goes on: by the share of the budget that was asked.
$(D)/curves.tsv: $(tests)
	@{ printf 'seed\tarm\tshare\ttier\tmean@8\n'; \
	for s in $(seeds); do for a in $(ARMS); do sed "s/^/$$s\t$$a\t/" $(D)/seed-$$s/$$a/curve.tsv; done; done; } > $@.part
	@mv $@.part $@

# $1: arms
table = awk -F'\t' -v against=gcpo -v arms='$1' -f $(HERE)/compare/table.awk $(D)/costs.tsv $(D)/results.tsv

$(D)/table.md: $(D)/results.tsv $(D)/costs.tsv $(D)/curves.tsv
	@{ printf 'Methods:\n\n'; $(call table,base $(filter $(arms),$(ARMS))); \
	printf '\nThe style of the golds, and right responses that are called wrong:\n\n'; \
	$(call table,$(filter gcpo sft-all dapo-loss $(style_arms),$(ARMS))); \
	printf '\nTiers 1 to 3 by the share of the problems that were asked (96 problems of their own):\n\n'; \
	awk -F'\t' -v arms='$(ARMS)' -f $(HERE)/compare/curves.awk $(D)/curves.tsv; } > $@.part
	@mv $@.part $@

$(D)/report.html: $(tests)
	@gcpo-report --groups 8 -o $@ $(foreach s,$(wordlist 1,3,$(seeds)),$(addprefix $(D)/seed-$s/,$(ARMS)))

# Where the source tree is: its README's tables and their data.
.PHONY: readme
readme: $(D)/table.md
	@cp $(D)/results.tsv $(D)/costs.tsv $(D)/curves.tsv $(HERE)/compare/
	@awk -v tables=$(D)/table.md '/^<!-- tables/ { print; print ""; while ((getline line < tables) > 0) print line; print ""; skip = 1 } \
	    /^<!-- end/ { skip = 0 } !skip' $(HERE)/../README.md > $(D)/README.md
	@cat $(D)/README.md > $(HERE)/../README.md
