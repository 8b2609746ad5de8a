# train.mk - GCPO training as files.
#
#   make -f pipelines/train.mk RUN=runs/x MODEL=base PROMPTS=prompts.jsonl STEPS=40 ALGO=gcpo
#   make -f pipelines/train.mk RUN=runs/y FROM=runs/x/40 STEPS=80 LR=1e-7
#
#   RUN/params.mk                       what the run was started with; it refuses to go on under anything else
#   RUN/step-0007/prompts.jsonl.zst     the prompts of step 7
#                 rollouts.jsonl.zst    the groups that step 6's model sampled
#                 step.jsonl.zst        verified, golds injected, advantages: what the update reads
#                 model/ state/         the new weights; moments and masters
#                 metrics.jsonl         one line (timing.jsonl: wall-clock figures)
#                 scored.jsonl.zst      with SCORE_EVERY: the groups with old and new log-probs, golds among them
#                 model.done            a digest of the weights, renamed last and never pruned
#   RUN/eval/0007.json                  step 7's model on the prompts of DEV
#   RUN/metrics.jsonl                   all steps' lines
#   RUN/best.json                       with DEV: the step that did best on it
#   RUN/stopped                         which stop rule ended the run before STEPS
#
# The files are the state.  A step whose model.done is there has no rule and is never made again, whatever became of
# its other files; inside a step existence counts, not time.  Kill anything, type make again: the same bytes.
#
# A branch (FROM) has its parent's steps up to that one as hard links, its parent's parameters where none are given, and
# goes on from there: with the same parameters to the same bytes.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
need = $(if $($1),,$(error $1= is missing: $2))
$(call need,RUN,the folder of this run)
include $(HERE)/parent.mk
ALGO ?= gcpo
-include $(HERE)/algo/$(ALGO).mk
include $(HERE)/options.mk
export PATH := $(if $(BIN),$(BIN):)$(PATH)

$(call need,MODEL,the model directory to start from)
$(call need,PROMPTS,a file of prompts with answers and golds)

# The steps that this make goes to: all, or, where stop rules look in between, one more.
TO ?= $(STEPS)
steps := $(shell seq 0 $(TO))
names := $(shell seq -f 'step-%04.0f' 0 $(TO))
# $1: a number from 0
name   = $(word $1,$(wordlist 2,$(words $(names)),$(names)))
pad    = $(if $(filter 0,$1),step-0000,$(call name,$1))
before = $(word $1,$(steps))
last  := $(lastword $(names))
four   = $(patsubst step-%,%,$(call pad,$1))

# the steps that a branch has from its parent
inherited := $(if $(AT),$(shell seq 1 $(AT)))

# What bears on the results: recorded, and not to change.
FIXED := FROM MODEL PROMPTS PROMPTS_FILTER RATES N PER_STEP MAX_TOKENS TEMPERATURE TOP_P SEED REFILL REFILL_BY ROLLOUT VERIFY EDIT INJECT \
         ADVANTAGE ALGO PRESET LR WARMUP DECAY DECAY_STEPS LR_END MINIBATCHES EPOCHS BETA1 BETA2 WEIGHT_DECAY CLIP_GRAD \
         UPDATE DEV EVAL_EVERY EVAL_N EVAL_SEED

self  := $(MAKE) -f $(firstword $(MAKEFILE_LIST))
stops := $(strip $(STOP_MEAN)$(STOP_PATIENCE)$(STOP_ENTROPY)$(STOP_LENGTH)$(STOP_WRONG))

# The parameters are looked at under the lock too, by a make of their own.
.PHONY: train
train:
	+@$(call locked,$(RUN),train.mk); \
	$(self) '$(RUN)/params.ok'; \
	rm -f '$(RUN)/stopped'; \
	$(if $(stops),$(stepwise),$(self) steps)

# A step at a time, with a look at the stop rules behind each.
define stepwise
for k in $$(seq $(or $(AT),0) $(STEPS)); do \
    $(self) TO=$$k steps; \
    why=$$($(call stop_reason,$$k)); \
    [ -n "$$why" ] || continue; \
    echo "step $$k: $$why" > '$(RUN)/.stopped.part'; \
    mv '$(RUN)/.stopped.part' '$(RUN)/stopped'; \
    $(self) TO=$$k END=1 steps; \
    echo "stopped at step $$k: $$why"; break; \
done
endef

# $1: a step's number in the shell.  Prints why the run is to stop there, or nothing.
stop_reason = jq -rn --argjson k $1 --argjson window $(STOP_WINDOW) --arg mean '$(STOP_MEAN)' --arg patience '$(STOP_PATIENCE)' \
    --arg entropy '$(STOP_ENTROPY)' --arg length '$(STOP_LENGTH)' --arg wrong '$(STOP_WRONG)' \
    --slurpfile wrong_rows <(:$(if $(STOP_WRONG),; $(call window_files,$1,step.jsonl.zst) | xargs -r zstdcat | jq -cf $(HERE)/wrong.jq)) \
    -f $(HERE)/stop.jq /dev/null $$($(call window_files,$1,metrics.jsonl); $(call eval_files,$1))
window_files = for i in $$(seq $$(($1 > $(STOP_WINDOW) ? $1 - $(STOP_WINDOW) + 1 : 1)) $1); do printf '$(RUN)/step-%04d/$2\n' $$i; done
eval_files   = for f in '$(RUN)'/eval/*.json; do i=$${f%.json}; [ ! -e "$$f" ] || [ $$((10\#$${i\#\#*/})) -gt $1 ] || echo "$$f"; done

plan = [ $(N) -eq 0 ] || gcpo-model info --plan '$(MODEL)' --steps $(STEPS) -n $(N) --prompts $(PER_STEP) --max-tokens $(MAX_TOKENS) >&2
include $(HERE)/params.mk
$(call params_rule,$(RUN),train.mk)

# ---- one rule for each file of a step that is not done ----

judged = gcpo-verify $(if $(VERIFY),$(VERIFY) )$1$(if $(EDIT), | $(EDIT))

# How step.jsonl.zst is made.  $1: step-0007  $2: the model that samples
verified = $(call judged,$(RUN)/$1/rollouts.jsonl.zst) | gcpo-inject-gold -m $2 $(INJECT) | gcpo-advantage $(if $(ADVANTAGE),$(ADVANTAGE) )-o

define sampled
$(RUN)/$1/rollouts.jsonl.zst: | $(RUN)/$1/prompts.jsonl.zst
	gcpo-rollout -m $2 $(call rollout_options,$(N),$(SEED)) -o $$@ $(RUN)/$1/prompts.jsonl.zst

$(RUN)/$1/step.jsonl.zst: | $(RUN)/$1/rollouts.jsonl.zst
	$(call verified,$1,$2) $$@
endef

define refilled
$(RUN)/$1/rollouts.jsonl.zst: | $(RUN)/$1/prompts.jsonl.zst
	for pass in $$$$(seq 0 $(REFILL)); do \
	    out=$(RUN)/$1/pass-$$$$pass.jsonl.zst; \
	    [ -e $$$$out ] || zstdcat $(RUN)/$1/prompts.jsonl.zst | sed -n "$$$$((pass * $(PER_STEP) + 1)),$$$$(((pass + 1) * $(PER_STEP)))p" | \
	        gcpo-rollout -m $2 $(call rollout_options,$(N),$(SEED)) -o $$$$out; \
	    kept=$$$$($(call judged,$(RUN)/$1/pass-*.jsonl.zst) | gcpo-advantage --keep contrast --plain | wc -l); \
	    [ $$$$kept -lt $(PER_STEP) ] || break; \
	done
	gcpo-cat -o $(RUN)/$1/.rollouts.jsonl.zst $(RUN)/$1/pass-*.jsonl.zst
	rm -f $(RUN)/$1/pass-*.jsonl.zst
	mv $(RUN)/$1/.rollouts.jsonl.zst $$@

$(RUN)/$1/kept.jsonl.zst: | $(RUN)/$1/rollouts.jsonl.zst
	$(call verified,$1,$2) $$@

$(RUN)/$1/step.jsonl.zst: | $(RUN)/$1/kept.jsonl.zst
	gcpo-cat --head $(PER_STEP) -o $$@ $(RUN)/$1/kept.jsonl.zst
endef

# The prompts that steps are drawn from.
band       := $(RUN)/band.jsonl.zst
drawn_from := $(if $(PROMPTS_FILTER),$(band),$(PROMPTS))
$(if $(PROMPTS_FILTER),$(if $(strip $(RATES)),,$(error PROMPTS_FILTER= needs RATES=, files of judged groups)))

$(band):
	@mkdir -p $(@D)
	gcpo-stat --per-id --json $(RATES) | jq -cn --arg band '$(PROMPTS_FILTER)' -f $(HERE)/band.jq > $(RUN)/.band.ids
	@[ -s $(RUN)/.band.ids ] || { echo 'train.mk: no prompt has a solve rate in $(PROMPTS_FILTER)' >&2; exit 65; }
	gcpo-cat --ids $(RUN)/.band.ids -o $(RUN)/.band.jsonl.zst $(PROMPTS)
	@rm -f $(RUN)/.band.ids
	@mv $(RUN)/.band.jsonl.zst $@

# The same by more samples of the prompts whose groups have no contrast yet, joined to these groups.
define resampled
$(RUN)/$1/rollouts.jsonl.zst: | $(RUN)/$1/prompts.jsonl.zst
	rm -f $(RUN)/$1/dull.jsonl.zst
	for pass in $$$$(seq 0 $(REFILL)); do \
	    out=$(RUN)/$1/pass-$$$$pass.jsonl.zst; \
	    asked=$(RUN)/$1/$$$$([ $$$$pass -eq 0 ] && echo prompts || echo dull).jsonl.zst; \
	    [ -e $$$$out ] || gcpo-rollout -m $2 $(call rollout_options,$(N),$(SEED)) --first-sample $$$$((pass * $(N))) -o $$$$out $$$$asked; \
	    gcpo-cat --merge $(RUN)/$1/pass-*.jsonl.zst | $(call judged,-) | gcpo-cat --where '!mixed' -o $(RUN)/$1/.dull.ids; \
	    gcpo-cat --ids $(RUN)/$1/.dull.ids -o $(RUN)/$1/dull.jsonl.zst $(RUN)/$1/prompts.jsonl.zst; \
	    [ "$$$$(zstdcat $(RUN)/$1/dull.jsonl.zst | wc -l)" -gt 0 ] || break; \
	done
	gcpo-cat --merge -o $(RUN)/$1/.rollouts.jsonl.zst $(RUN)/$1/pass-*.jsonl.zst
	rm -f $(RUN)/$1/pass-*.jsonl.zst $(RUN)/$1/dull.jsonl.zst $(RUN)/$1/.dull.ids
	mv $(RUN)/$1/.rollouts.jsonl.zst $$@

$(RUN)/$1/step.jsonl.zst: | $(RUN)/$1/rollouts.jsonl.zst
	$(call verified,$1,$2) $$@
endef

# With REFILL=r a step draws (1 + r) times its prompts, asks them in passes of PER_STEP until that many groups have contrast,
# and trains on the first PER_STEP of these.
drawn := $(if $(filter samples,$(REFILL_BY)),$(PER_STEP),$(shell expr $(PER_STEP) '*' '(' 1 + $(REFILL) ')'))
refill = $(if $(filter-out 0,$(REFILL)),$(if $(filter samples,$(REFILL_BY)),resampled,refilled),sampled)

scored := $(if $(filter-out 0,$(SCORE_EVERY)),1 $(shell seq $(SCORE_EVERY) $(SCORE_EVERY) $(STEPS)))

# $1: step-0007  $2: step-0006  $3: 7  $4: the model that samples
define step
$(RUN)/$1/prompts.jsonl.zst: | $(RUN)/$2/model.done $(call evaluated,$(call before,$3)) $(filter $(band),$(drawn_from))
	@mkdir -p $$(@D)
	gcpo-prompts -k $3 --prompts $(drawn) -s $(SEED) -o $$@ $(drawn_from)

$(call $(refill),$1,$4)

$(RUN)/$1/model.done: | $(RUN)/$1/step.jsonl.zst
	rm -rf $(RUN)/$1/model $(RUN)/$1/state
	gcpo-update -m $4 $(update_options) $(if $(filter 1,$3),,--state $(RUN)/$2/state )-o $(RUN)/$1/model --state-out $(RUN)/$1/state \
	    --metrics $(RUN)/$1/metrics.jsonl --timing $(RUN)/$1/timing.jsonl $(RUN)/$1/step.jsonl.zst
	$(if $(filter $3,$(scored)),gcpo-score -m $4 --missing -j $(THREADS) $(RUN)/$1/step.jsonl.zst | \
	    gcpo-score -m $(RUN)/$1/model --as ref_logprobs -j $(THREADS) -o $(RUN)/$1/scored.jsonl.zst)
	gcpo-model info --digest $(RUN)/$1/model > $(RUN)/$1/.model.done.part
	mv $(RUN)/$1/.model.done.part $$@
	$(call prune,$3)
endef

# Weights and states that nothing needs any more.  $1: the step that is done.  They are renamed first: half of one is never taken
# for a whole one.
define prune
@rm -rf $(RUN)/.pruned; \
drop() { mv "$$$$1" $(RUN)/.pruned; rm -rf $(RUN)/.pruned; }; \
$(if $(filter 0,$(KEEP)),,best=$(if $(filter-out 0,$(KEEP_BEST)),$$$$($(best_step)),none); \
for d in $(RUN)/step-*/model; do \
    [ -e $$$$d ] || continue; k=$$$${d%/model}; k=$$$$((10#$$$${k##*-})); \
    [ $$$$k -gt $$$$(($1 - $(KEEP))) ] || [ $$$$k = "$$$$best" ] || drop $$$$d; \
done; )\
for d in $(RUN)/step-*/state; do \
    [ -e $$$$d ] || continue; k=$$$${d%/state}; k=$$$$((10#$$$${k##*-})); \
    [ $$$$k -ge $1 ] || $(if $(filter-out 0,$(SAVE_STATE)),[ $$$$((k % $(SAVE_STATE))) -eq 0 ] ||) drop $$$$d; \
done
endef

done_steps := $(patsubst $(RUN)/%/model.done,%,$(wildcard $(RUN)/step-*/model.done))
numbers    := $(wordlist 2,$(words $(steps)),$(steps))
undone      = $(if $(filter $(call pad,$1),$(done_steps)),,$1)

# ---- evaluation ----

# of step 0 as well; of the last one always
evals := $(if $(DEV),$(sort $(if $(filter $(TO),$(STEPS))$(END),$(TO)) $(if $(filter-out 0,$(EVAL_EVERY)), \
           $(shell seq 0 $(EVAL_EVERY) $(TO)))))
evals := $(filter-out $(if $(AT),$(shell seq 0 $$(($(AT) - 1)))),$(evals))
evaluation_file = $(RUN)/eval/$(call four,$1).json
evaluated = $(if $(filter $1,$(evals)),$(call evaluation_file,$1))

# $1: the step's number  $2: its model
define evaluation
$(call evaluation_file,$1): | $(RUN)/$(call pad,$1)/model.done
	@mkdir -p $$(@D)
	gcpo-rollout -m $2 $(call rollout_options,$(EVAL_N),$(EVAL_SEED)) $(DEV) | gcpo-verify $(VERIFY) | \
	    gcpo-stat --json --by tier > $$@.part
	mv $$@.part $$@
endef
$(foreach k,$(evals),$(if $(wildcard $(call evaluation_file,$k)),,\
  $(eval $(call evaluation,$k,$(if $(filter 0,$k),$(MODEL),$(RUN)/$(call pad,$k)/model)))))

# The first of the steps whose mean@k on DEV is the largest.
best      = jq -cn '[inputs | {step: (input_filename | sub(".*/0*(?<n>[0-9]+)[.]json"; .n) | tonumber), mean: (.all // .).mean.value, pass: (.all // .).pass}] | max_by([.mean, -.step])' $(RUN)/eval/*.json
best_step = $(best) 2>/dev/null | jq .step || true

# ---- the rules ----

$(foreach k,$(filter-out $(inherited),$(numbers)),$(if $(call undone,$k),\
  $(eval $(call step,$(call pad,$k),$(call pad,$(call before,$k)),$k,$(if $(filter 1,$k),$(MODEL),$(RUN)/$(call pad,$(call before,$k))/model)))))
$(foreach k,$(filter $(inherited),$(numbers)),$(if $(call undone,$k),$(eval $(call link,$(call pad,$k),$k))))

$(RUN)/step-0000/model.done:
	@mkdir -p $(@D)
	gcpo-model info --digest $(MODEL) > $(@D)/.model.done.part
	mv $(@D)/.model.done.part $@

.PHONY: steps
define finish
steps: $(patsubst %,$(RUN)/%/model.done,$(if $(AT),$(foreach k,$(filter $(inherited),$(numbers)),$(call pad,$k))) $(last)) $(foreach k,$(evals),$(call evaluation_file,$k))
	@cat /dev/null $(foreach k,$(numbers),$(RUN)/$(call pad,$k)/metrics.jsonl) > $(RUN)/.metrics.jsonl.part
	@mv $(RUN)/.metrics.jsonl.part $(RUN)/metrics.jsonl
	@$(if $(evals),$(best) > $(RUN)/.best.json.part; mv $(RUN)/.best.json.part $(RUN)/best.json)
	$(call prune,$(TO))
endef
$(eval $(finish))
