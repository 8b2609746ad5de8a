# train.mk - GCPO training as files.
#
#   make -f pipelines/train.mk RUN=runs/x MODEL=base PROMPTS=prompts.jsonl STEPS=40 ALGO=gcpo
#
#   RUN/params.mk                       what the run was started with; it refuses to go on under anything else
#   RUN/step-0007/prompts.jsonl.zst     the prompts of step 7
#                 rollouts.jsonl.zst    the groups that step 6's model sampled
#                 step.jsonl.zst        verified, golds injected, advantages: what the update reads
#                 model/ state/         the new weights; moments and masters
#                 metrics.jsonl         one line (timing.jsonl: wall-clock figures)
#                 model.done            a digest of the weights, renamed last and never pruned
#   RUN/metrics.jsonl                   all steps' lines
#
# The files are the state.  A step whose model.done is there has no rule and is never made again, whatever became of
# its other files; inside a step existence counts, not time.  Kill anything, type make again: the same bytes.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
ALGO ?= gcpo
-include $(HERE)/algo/$(ALGO).mk
include $(HERE)/defaults.mk
export PATH := $(if $(BIN),$(BIN):)$(PATH)

need = $(if $($1),,$(error $1= is missing: $2))
$(call need,RUN,the folder of this run)
$(call need,MODEL,the model directory to start from)
$(call need,PROMPTS,a file of prompts with answers and golds)

pad  = $(shell printf 'step-%04d' $1)
last := $(call pad,$(STEPS))

# What bears on the results: recorded, and not to change.
FIXED := MODEL PROMPTS N PER_STEP MAX_TOKENS TEMPERATURE TOP_P SEED REFILL ROLLOUT VERIFY INJECT ADVANTAGE ALGO LR WARMUP \
         DECAY DECAY_STEPS LR_END MINIBATCHES EPOCHS BETA1 BETA2 WEIGHT_DECAY CLIP_GRAD UPDATE DEV EVAL_EVERY EVAL_N EVAL_SEED
define params
$(foreach v,$(FIXED),$v := $(strip $($v))
)
endef

# $1: responses per prompt  $2: seed
rollout_options = $(strip -n $1 --max-tokens $(MAX_TOKENS) --temperature $(TEMPERATURE) --top-p $(TOP_P) -s $2 -j $(THREADS) \
                  $(if $(MEMORY),--memory $(MEMORY)) $(ROLLOUT))
update_options  = $(strip --algo $(or $(PRESET),$(ALGO)) --lr $(LR) --warmup $(WARMUP) --decay $(DECAY) --decay-steps $(DECAY_STEPS) --lr-end $(LR_END) \
                  --minibatches $(MINIBATCHES) --epochs $(EPOCHS) --beta1 $(BETA1) --beta2 $(BETA2) --weight-decay $(WEIGHT_DECAY) \
                  --max-grad-norm $(CLIP_GRAD) -s $(SEED) -j $(THREADS) $(if $(MEMORY),--memory $(MEMORY)) $(UPDATE))

.PHONY: train
train: $(RUN)/params.ok
	+@exec 9>>'$(RUN)/.lock'; \
	flock -n 9 || { echo "train.mk: $(RUN) is in use by process $$(cat '$(RUN)/.lock')" >&2; exit 73; }; \
	echo $$PPID > '$(RUN)/.lock'; \
	$(MAKE) -f $(firstword $(MAKEFILE_LIST)) steps

# Refuses a run that was started under other parameters.
.PHONY: $(RUN)/params.ok
$(RUN)/params.ok: export PARAMS = $(params)
$(RUN)/params.ok:
	@mkdir -p '$(RUN)'; \
	if [ -e '$(RUN)/params.mk' ]; then \
	    diff <(sed 's/^ *//; s/ *$$//; /^$$/d' <<< "$$PARAMS") '$(RUN)/params.mk' > /dev/null || { \
	        echo 'train.mk: $(RUN) was started with other parameters (> then, < now):' >&2; \
	        diff <(sed 's/^ *//; s/ *$$//; /^$$/d' <<< "$$PARAMS") '$(RUN)/params.mk' >&2 || true; exit 65; }; \
	else \
	    sed 's/^ *//; s/ *$$//; /^$$/d' <<< "$$PARAMS" > '$(RUN)/.params.mk.part'; \
	    mv '$(RUN)/.params.mk.part' '$(RUN)/params.mk'; \
	    gcpo-model info --plan '$(MODEL)' --steps $(STEPS) -n $(N) --prompts $(PER_STEP) --max-tokens $(MAX_TOKENS) >&2; \
	fi

# ---- one rule for each file of a step that is not done ----

# How step.jsonl.zst is made.  $1: step-0007  $2: the model that samples
verified = gcpo-verify $(if $(VERIFY),$(VERIFY) )$(RUN)/$1/rollouts.jsonl.zst | gcpo-inject-gold -m $2 $(INJECT) | gcpo-advantage $(if $(ADVANTAGE),$(ADVANTAGE) )-o

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
	    kept=$$$$(gcpo-verify $(if $(VERIFY),$(VERIFY) )$(RUN)/$1/pass-*.jsonl.zst | gcpo-advantage --keep contrast --plain | wc -l); \
	    [ $$$$kept -lt $(PER_STEP) ] || break; \
	done
	gcpo-cat -o $$@ $(RUN)/$1/pass-*.jsonl.zst
	rm -f $(RUN)/$1/pass-*.jsonl.zst

$(RUN)/$1/kept.jsonl.zst: | $(RUN)/$1/rollouts.jsonl.zst
	$(call verified,$1,$2) $$@

$(RUN)/$1/step.jsonl.zst: | $(RUN)/$1/kept.jsonl.zst
	gcpo-cat --head $(PER_STEP) -o $$@ $(RUN)/$1/kept.jsonl.zst
endef

# With REFILL=r a step draws (1 + r) times its prompts, asks them in passes of PER_STEP until that many groups have contrast,
# and trains on the first PER_STEP of these.
drawn := $(shell expr $(PER_STEP) '*' '(' 1 + $(REFILL) ')')

# $1: step-0007  $2: step-0006  $3: 7  $4: the model that samples
define step
$(RUN)/$1/prompts.jsonl.zst: | $(RUN)/$2/model.done
	@mkdir -p $$(@D)
	gcpo-prompts -k $3 --prompts $(drawn) -s $(SEED) -o $$@ $(PROMPTS)

$(if $(filter-out 0,$(REFILL)),$(call refilled,$1,$4),$(call sampled,$1,$4))

$(RUN)/$1/model.done: | $(RUN)/$1/step.jsonl.zst
	rm -rf $(RUN)/$1/model $(RUN)/$1/state
	gcpo-update -m $4 $(update_options) $(if $(filter 1,$3),,--state $(RUN)/$2/state )-o $(RUN)/$1/model --state-out $(RUN)/$1/state \
	    --metrics $(RUN)/$1/metrics.jsonl --timing $(RUN)/$1/timing.jsonl $(RUN)/$1/step.jsonl.zst
	gcpo-model info --digest $(RUN)/$1/model > $(RUN)/$1/.model.done.part
	mv $(RUN)/$1/.model.done.part $$@
	$(call prune,$3)
endef

# Weights and states that nothing needs any more.  $1: the step that is now done.
prune = @$(if $(filter 0,$(KEEP)),true,old=$$$$(($1 - $(KEEP))); [ $$$$old -lt 1 ] || \
	$(if $(filter-out 0,$(EVAL_EVERY)),[ $$$$((old % $(EVAL_EVERY))) -eq 0 -a ! -e $(RUN)/eval/$$$$(printf %04d $$$$old).json ] ||) \
	rm -rf $(RUN)/$$$$(printf 'step-%04d' $$$$old)/model); \
	old=$$$$(($1 - 1)); [ $$$$old -lt 1 ] || $(if $(filter-out 0,$(SAVE_STATE)),[ $$$$((old % $(SAVE_STATE))) -eq 0 ] ||) \
	rm -rf $(RUN)/$$$$(printf 'step-%04d' $$$$old)/state

done_steps := $(patsubst $(RUN)/%/model.done,%,$(wildcard $(RUN)/step-*/model.done))
numbers    := $(shell seq 1 $(STEPS))
$(foreach k,$(numbers),$(if $(filter $(call pad,$k),$(done_steps)),,\
  $(eval $(call step,$(call pad,$k),$(call pad,$(shell expr $k - 1)),$k,$(if $(filter 1,$k),$(MODEL),$(RUN)/$(call pad,$(shell expr $k - 1))/model)))))

$(RUN)/step-0000/model.done:
	@mkdir -p $(@D)
	gcpo-model info --digest $(MODEL) > $(@D)/.model.done.part
	mv $(@D)/.model.done.part $@

# ---- evaluation ----

evals := $(if $(DEV),$(sort $(STEPS) $(if $(filter-out 0,$(EVAL_EVERY)),0 $(shell seq $(EVAL_EVERY) $(EVAL_EVERY) $(STEPS)))))

# $1: the step's number  $2: its model
define evaluation
$(RUN)/eval/$(shell printf %04d $1).json: | $(RUN)/$(call pad,$1)/model.done
	@mkdir -p $$(@D)
	gcpo-rollout -m $2 $(call rollout_options,$(EVAL_N),$(EVAL_SEED)) $(DEV) | gcpo-verify $(VERIFY) | \
	    gcpo-stat --json --by tier > $$@.part
	mv $$@.part $$@
endef
$(foreach k,$(evals),$(if $(wildcard $(RUN)/eval/$(shell printf %04d $k).json),,\
  $(eval $(call evaluation,$k,$(if $(filter 0,$k),$(MODEL),$(RUN)/$(call pad,$k)/model)))))
evaluations := $(foreach k,$(evals),$(RUN)/eval/$(shell printf %04d $k).json)

.PHONY: steps
steps: $(RUN)/$(last)/model.done $(evaluations)
	@cat $(foreach k,$(numbers),$(RUN)/$(call pad,$k)/metrics.jsonl) > $(RUN)/.metrics.jsonl.part
	@mv $(RUN)/.metrics.jsonl.part $(RUN)/metrics.jsonl
