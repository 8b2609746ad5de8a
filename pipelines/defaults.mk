# defaults.mk - every hyper-parameter of the loop, with its unit.  Override on the command line or in algo/NAME.mk;
# nowhere else.  RUN/params.mk records what a run used.

# Rollout
# responses per prompt (the group size); 0: none, to train on golds alone (ALGO=sft)
N ?= 8
# prompts per step
PER_STEP ?= 32
# tokens per response
MAX_TOKENS ?= 1024
TEMPERATURE ?= 1
TOP_P       ?= 1
SEED        ?= 0
# passes of PER_STEP more prompts, where groups lack contrast (DAPO's dynamic sampling)
REFILL ?= 0
# prompts: other ones are asked; samples: the same ones again, N responses more each time
REFILL_BY ?= prompts
# further options of gcpo-rollout: --chat, --suffix ...
ROLLOUT ?=

# Reward and gold
# options of gcpo-verify
VERIFY ?=
# a command that edits the judged groups: zstdcat | jq -c ...; empty: none
EDIT ?=
INJECT      ?= --when all-wrong
# options of gcpo-advantage
ADVANTAGE ?=

# Which prompts: a band of solve rates, LOW:HIGH, by the groups in RATES (a branch: those of its parent's steps); prompts
# without a history are left out.  Empty: all
PROMPTS_FILTER ?=
# files of judged groups
RATES ?= $(if $(and $(PROMPTS_FILTER),$(AT)),$(foreach k,$(inherited),$(PARENT)/$(call pad,$k)/step.jsonl.zst))

# Update
# preset: a file of libcore/rl/preset
ALGO ?= gcpo
LR          ?= 1e-6
# optimizer steps
WARMUP ?= 10
# constant, linear or cosine, after the warm-up
DECAY ?= constant
# optimizer steps until LR * LR_END is reached
DECAY_STEPS ?= 0
# share of LR
LR_END ?= 0
# optimizer steps per step
MINIBATCHES ?= 1
EPOCHS      ?= 1
BETA1       ?= 0.9
BETA2       ?= 0.999
WEIGHT_DECAY ?= 0
# gradient norm
CLIP_GRAD ?= 1
# further options of gcpo-update
UPDATE ?=

# Evaluation of a run on held-out prompts
# a prompt file; empty: no evaluation
DEV ?=
# steps; 0: only the last
EVAL_EVERY ?= 0
# responses per prompt
EVAL_N ?= 8
EVAL_SEED   ?= 777

# When a run ends before STEPS; each empty: no such rule.  On the development set:
# mean@k from which it is good enough
STOP_MEAN ?=
# evaluations without a better one
STOP_PATIENCE ?=
# Averages over the last STOP_WINDOW steps:
# entropy below this, nats per token
STOP_ENTROPY ?=
# tokens per response above this
STOP_LENGTH ?=
# log-probability of wrong responses below this, nats per token
STOP_WRONG ?=
STOP_WINDOW ?= 5

# What bears on cost, not on results
STEPS       ?= 40
# weights of this many last steps stay (0: all)
KEEP ?= 2
# and those of the step that did best on DEV (1: yes)
KEEP_BEST ?= 0
# the optimizer's state of every n-th step stays, and the last one's
SAVE_STATE ?= 0
# step 1 and every n-th are scored by the old weights and the new, golds too: what the update did (gcpo-report); 0: none
SCORE_EVERY ?= 0
# 0: one per processor
THREADS ?= 0
# bytes for one program (8G); empty: the programs choose
MEMORY ?=
