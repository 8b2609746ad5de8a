# demo.mk - a small model learns where GRPO and DAPO get no gradient.
#
#   make demo                                  (or: make -f pipelines/demo.mk D=runs/demo BASE=1)
#
# The task is arithmetic (demo/problems.awk): tier 1 chains of one or two operations, tier 2 of three, tier 3 equations
# with two.  The base learns tiers 1 and 2 from golds, and equations with one operation, until it solves half of tier 2;
# tier 3 is new to it.  Then GCPO and DAPO's loss train the same base on the same prompts with the same number of rollouts.
#
#   D/problems/   rl.jsonl heldout.jsonl curve.jsonl
#   D/base-1/     model, made by demo/base.mk
#   D/gcpo D/dapo runs of train.mk
#   D/table.tsv   model, tier, mean@8, pass@8 on held-out problems
#   D/report.html both runs on one page
#
# Every file is a target: kill it, type make again.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
export PATH := $(if $(BIN),$(BIN):)$(PATH)

D    ?= runs/demo
# seed of the base: its first weights and the problems it learns from
BASE ?= 1
# seed of the reinforcement learning
SEED ?= 0
STEPS ?= 80
PER_TIER ?= 64
THREADS ?= 1

P := $(D)/problems
B := $(D)/base-$(BASE)
problems = awk -f $(HERE)/demo/problems.awk

.PHONY: demo
demo: $(D)/table.tsv $(D)/curves.svg $(D)/report.html
	+@$(MAKE) -f $(firstword $(MAKEFILE_LIST)) show

# ---- problems ----

$(P)/heldout.jsonl:
	@mkdir -p $(@D)
	@$(problems) -v seed=999 -v n=0 -v mix=1:$(PER_TIER),2:$(PER_TIER),3:$(PER_TIER) -v prefix=heldout -v distinct=1 < /dev/null > $@.part
	@mv $@.part $@

# the first 24 of each tier, for the curves
$(P)/curve.jsonl: | $(P)/heldout.jsonl
	@awk '{ match($$0, /"tier":[0-9]/); if (n[substr($$0, RSTART, RLENGTH)]++ < 24) print }' $(P)/heldout.jsonl > $@.part
	@mv $@.part $@

$(P)/rl.jsonl: | $(P)/heldout.jsonl
	@$(problems) -v seed=$$((500 + $(SEED))) -v n=$$(($(STEPS) * 32)) -v mix=1:20,2:40,3:40 -v prefix=rl -v distinct=1 $(P)/heldout.jsonl > $@.part
	@mv $@.part $@

# ---- the base ----

$(B)/model.done: | $(P)/heldout.jsonl
	+@$(MAKE) -f $(HERE)/demo/base.mk B=$(B) BASE=$(BASE) EXCLUDE=$(P)/heldout.jsonl THREADS=$(THREADS) BIN=$(BIN)

# ---- two runs from the same base ----

run = $(MAKE) -f $(HERE)/train.mk RUN=$(D)/$1 MODEL=$(B)/model PROMPTS=$(P)/rl.jsonl STEPS=$(STEPS) ALGO=$2 N=8 PER_STEP=32 MAX_TOKENS=40 \
    LR=2e-4 WARMUP=40 DECAY=linear DECAY_STEPS=640 LR_END=0.1 MINIBATCHES=8 BETA2=0.99 SEED=$(SEED) \
    DEV=$(P)/curve.jsonl EVAL_EVERY=20 SCORE_EVERY=16 THREADS=$(THREADS) BIN=$(BIN)

last := step-$(shell printf %04d $(STEPS))

# A run is over, its last evaluation included, when it has its best.json.

$(D)/gcpo/best.json: | $(B)/model.done $(P)/rl.jsonl $(P)/curve.jsonl
	@echo 'GCPO:        $(STEPS) steps of 32 prompts with 8 responses each (follow it: tail -f $(D)/gcpo.log)'
	+@$(call run,gcpo,gcpo) > $(D)/gcpo.log 2>&1 || { tail -5 $(D)/gcpo.log; exit 1; }

$(D)/dapo/best.json: | $(B)/model.done $(P)/rl.jsonl $(P)/curve.jsonl
	@echo "DAPO's loss: $(STEPS) steps of 32 prompts with 8 responses each (follow it: tail -f $(D)/dapo.log)"
	+@$(call run,dapo,dapo-loss) > $(D)/dapo.log 2>&1 || { tail -5 $(D)/dapo.log; exit 1; }

# ---- what came of it ----

test = $(MAKE) -f $(HERE)/eval.mk MODEL=$1 PROMPTS=$(P)/heldout.jsonl OUT=$(D)/test-$2 N=8 MAX_TOKENS=40 SEED=12345 BY=tier THREADS=$(THREADS) BIN=$(BIN)

$(D)/test-base/stat.json: | $(B)/model.done $(P)/heldout.jsonl
	+@$(call test,$(B)/model,base) > /dev/null

$(D)/test-gcpo/stat.json: | $(D)/gcpo/best.json
	+@$(call test,$(D)/gcpo/$(last)/model,gcpo) > /dev/null

$(D)/test-dapo/stat.json: | $(D)/dapo/best.json
	+@$(call test,$(D)/dapo/$(last)/model,dapo) > /dev/null

# $1: a model's name; its rows of the table
rows = jq -r '.cells[] | ["$1", .value, (.stat.mean.value * 10000 | round / 10000), (.stat.pass[] | select(.k == 8) | .value * 10000 | round / 10000)] | @tsv' \
       $(D)/test-$1/stat.json

$(D)/table.tsv: | $(D)/test-base/stat.json $(D)/test-dapo/stat.json $(D)/test-gcpo/stat.json
	@{ printf 'model\ttier\tmean@8\tpass@8\n'; $(call rows,base); $(call rows,dapo); $(call rows,gcpo); } > $@.part
	@mv $@.part $@

# tier 3 by steps: the first line of the curves is the base
curve = for f in $(D)/$1/eval/*.json; do \
            jq -r --arg step $$(basename $$f .json) '.cells[] | ["$1", ($$step | tonumber), .value, .stat.mean.value] | @tsv' $$f; \
        done

$(D)/curves.tsv: | $(D)/table.tsv
	@{ printf 'model\tstep\ttier\tmean@8\n'; $(call curve,dapo); $(call curve,gcpo); } > $@.part
	@mv $@.part $@

$(D)/curves.svg: | $(D)/curves.tsv
	@awk -f $(HERE)/demo/curves.awk $(D)/curves.tsv > $@.part
	@mv $@.part $@

$(D)/report.html: | $(D)/table.tsv
	@gcpo-report -o $@ $(D)/gcpo $(D)/dapo

.PHONY: show
show:
	@echo; echo 'One group of step 1 in which every response was wrong, and what GCPO made of it:'; echo
	@zstdcat $(D)/gcpo/step-0001/step.jsonl.zst | jq -c 'select(.gold_fate == "injected")' | sed -n 1p | jq -rf $(HERE)/demo/group.jq
	@echo; echo 'Held-out problems, 8 responses each.  Tier 3 is equations with two operations, of which the base had seen none:'; echo
	@awk -F'\t' 'NR == 1 { printf "  %-6s %5s %8s %8s\n", $$1, $$2, $$3, $$4; next } { printf "  %-6s %5s %7.1f%% %7.1f%%\n", $$1, $$2, 100 * $$3, 100 * $$4 }' $(D)/table.tsv
	@echo; echo 'Files:'; \
	echo '  $(D)/report.html                     curves, groups and parameters of both runs, for a browser'; \
	echo '  $(D)/table.tsv, $(D)/curves.svg      the table and the learning curves'; \
	echo '  $(D)/gcpo/step-0001/                 what each step left; look inside with'; \
	echo '      zstdcat $(D)/gcpo/step-0001/step.jsonl.zst | jq'; \
	echo '      gcpo-stat $(D)/gcpo/metrics.jsonl'; \
	echo 'This is consistent with the mechanism of the paper, on a synthetic task; it is no reproduction of its results.'
