# r1.mk - the whole run: DeepSeek-R1-Distill-Qwen-1.5B on GSM8K or DAPO-Math-17k, from the raw data to the table.
#
#   make -f pipelines/r1.mk -n          (or: plan)                      what it will take: time, disk, memory; nothing is done
#   make -f pipelines/r1.mk R1=runs/r1 MODEL=DeepSeek-R1-Distill-Qwen-1.5B TRAIN=train.jsonl TEST=aime24.jsonl
#
#   MODEL     the checkpoint's folder
#   TRAIN     GSM8K's train.jsonl; DAPO-Math-17k as lines (duckdb -c "COPY (SELECT * FROM 'dapo-math-17k.parquet') TO 'train.jsonl'");
#             MATH's; or records of gcpo-record(5)
#   TEST      problems to be tested on, in any of these forms; those that are in TRAIN too are taken out of it
#   TEACHER   a model that is asked for golds (gold.mk); without one the data's own are wrapped into a thought
#
#   R1/plan.txt              what it will take
#      prompts.jsonl.zst     TRAIN without duplicates, without TEST's and DEV's problems; prompts.txt counts them
#      dev.jsonl.zst         DEV_PROMPTS of them, held out
#      test.jsonl.zst
#      golds.txt             gcpo-gold lint of the data's own golds
#      golds/                of the teacher
#      run/ best.json        train.mk, and the step that did best on dev.jsonl.zst
#      test-base/ test/      eval.mk at T 0.6, top-p 0.95, 32 responses each
#      table.tsv             model, mean@32, pass@32
#
# Every file is a target: kill it, type make again.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
need = $(if $($1),,$(error $1= is missing: $2))
export PATH := $(if $(BIN),$(BIN):)$(PATH)

R1      ?= runs/r1
TEACHER ?=
DEV_PROMPTS ?= 128

# What the model's authors recommend: no system text, the thought opened by the chat format, this request, T 0.6, top-p 0.95.
SUFFIX ?= Please reason step by step, and put your final answer within \boxed{}.
CHAT   ?=
# Training
STEPS      ?= 100
N          ?= 8
PER_STEP   ?= 64
MAX_TOKENS ?= 8192
LR         ?= 1e-6
WARMUP     ?= 10
MINIBATCHES ?= 4
EVAL_EVERY ?= 20
EVAL_N     ?= 8
KEEP       ?= 2
SAVE_STATE ?= 20
THREADS    ?= 0
# Testing
TEST_N      ?= 32
TEST_TOKENS ?= 32768
TEST_TEMPERATURE ?= 0.6
TEST_TOP_P  ?= 0.95

# For the plan.  Prompts of TEST (AIME 2024 has 30, where there is no TEST yet); tokens that a response has on average, in
# training and in the test, until a run tells better: an assumption, and time is in proportion to it.
TEST_PROMPTS ?= $(if $(wildcard $(TEST)),$(shell zstd -dcf $(TEST) | wc -l),30)
MEAN_TOKENS  ?= 3000
TEST_MEAN_TOKENS ?= 9000
# of a GPU with 80 GB: peak of dense bf16 products, TFLOP/s; memory, GB/s; the share of each that is reached
GPU_TFLOPS ?= 989
GPU_GBS    ?= 3350
GPU_GB     ?= 80
GPU_MFU    ?= 0.4
GPU_MBU    ?= 0.6
# of this machine, tokens/s sampled and scored by one layer of the model's shape; empty: measured, which takes some seconds
HERE_SAMPLE ?=
HERE_SCORE  ?=

rollout = --suffix '$(SUFFIX)'$(if $(CHAT), --chat $(CHAT))

# A dry run prints the plan and nothing else (see below).
dry := $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
.PHONY: r1
ifneq ($(dry),)
MAKEFLAGS += --silent
r1 plan: ;
else
r1: $(R1)/table.tsv
	@cat $(R1)/table.tsv
endif

# ---- the plan ----

# The model's configuration, or that of DeepSeek-R1-Distill-Qwen-1.5B while there is no model.
config := $(or $(wildcard $(MODEL)/config.json),$(HERE)/r1-config.json)

.PHONY: plan
ifeq ($(dry),)
plan:
	@$(plan)
endif

plan = here=$$($(measured)); jq -rn --slurpfile config '$(config)' --argjson here "$$here" \
    --argjson o '{"steps": $(STEPS), "n": $(N), "per_step": $(PER_STEP), "max_tokens": $(MAX_TOKENS), "mean_tokens": $(MEAN_TOKENS), \
        "evals": $(if $(filter 0,$(EVAL_EVERY)),1,$(shell expr $(STEPS) / $(EVAL_EVERY) + 1)), "eval_n": $(EVAL_N), "dev": $(DEV_PROMPTS), \
        "test": $(TEST_PROMPTS), "test_n": $(TEST_N), "test_tokens": $(TEST_TOKENS), "test_mean": $(TEST_MEAN_TOKENS), \
        "keep": $(KEEP), "save_state": $(SAVE_STATE), "memory": $(shell awk '/MemTotal/ { printf "%.0f", $$2 * 1024 }' /proc/meminfo), \
        "gpu": {"flops": $(GPU_TFLOPS)e12, "bytes_s": $(GPU_GBS)e9, "bytes": $(GPU_GB)e9, "mfu": $(GPU_MFU), "mbu": $(GPU_MBU)}}' -f $(HERE)/r1-plan.jq

# One layer of the model's shape and a small vocabulary, in its own type, sampled and scored.
given    = echo '{"sample": $(HERE_SAMPLE), "score": $(or $(HERE_SCORE),$(HERE_SAMPLE))}'
measure  = dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
    set -- $$(jq -r '[.hidden_size, .num_attention_heads, .num_key_value_heads, (.head_dim // (.hidden_size / .num_attention_heads)), .intermediate_size] | map(tostring) | join(" ")' '$(config)'); \
    gcpo-model init --vocab-from $(HERE)/demo/tokenizer.json --dtype bf16 --layers 1 --hidden $$1 --heads $$2 --kv-heads $$3 --head-dim $$4 --ff $$5 -o "$$dir/m"; \
    gcpo-model info --plan --json -n 8 --max-tokens 32 "$$dir/m" | jq -c '{sample: .sample_tokens_per_s, score: .score_tokens_per_s}'
measured = $(if $(HERE_SAMPLE),$(given),$(measure))

ifneq ($(dry),)
file := $(shell mktemp)
$(shell { $(plan); } > $(file))
$(info $(file < $(file)))
$(shell rm -f $(file))
endif

$(R1)/plan.txt:
	@mkdir -p $(@D)
	@{ $(plan); } > $@.part
	@mv $@.part $@
	@cat $@

# ---- data ----

ifeq ($(dry)$(filter plan,$(MAKECMDGOALS)),)
$(call need,MODEL,the checkpoint)
$(call need,TRAIN,the problems to train on)
$(call need,TEST,the problems to test on)

$(R1)/test.jsonl.zst: | $(R1)/plan.txt
	@mkdir -p $(@D)
	zstd -dcf $(TEST) | jq -c --arg name $(notdir $(basename $(TEST:.zst=))) -f $(HERE)/import/problems.jq | gcpo-cat -o $@

# Every problem once, by its text without regard to blanks and case, and none of the test's.
$(R1)/all.jsonl.zst: | $(R1)/test.jsonl.zst
	{ zstdcat $(R1)/test.jsonl.zst | jq -r '"test\t" + $(key)'; \
	  zstd -dcf $(TRAIN) | jq -c --arg name $(notdir $(basename $(TRAIN:.zst=))) -f $(HERE)/import/problems.jq | jq -r '"train\t" + $(key) + "\t" + tojson'; } | \
	    awk -F'\t' '$$1 == "test" { test[$$2]; next } \
	        { n++ } $$2 in test { tested++; next } seen[$$2]++ { twice++; next } { print $$3; kept++ } \
	        END { printf "%d problems, %d of them again, %d in the test, %d left\n", n, twice, tested, kept > "$(R1)/.prompts.txt.part" }' | gcpo-cat -o $(R1)/.all.jsonl.zst
	@mv $(R1)/.prompts.txt.part $(R1)/prompts.txt; cat $(R1)/prompts.txt
	@mv $(R1)/.all.jsonl.zst $@
key = (.prompt | ascii_downcase | gsub("\\s+"; " ") | tojson)

$(R1)/dev.jsonl.zst: | $(R1)/all.jsonl.zst
	gcpo-cat --sample $(DEV_PROMPTS) -o $@ $(R1)/all.jsonl.zst

$(R1)/prompts.jsonl.zst: | $(R1)/dev.jsonl.zst
	{ zstdcat $(R1)/dev.jsonl.zst | jq -r '"dev\t" + (.id // .prompt)'; zstdcat $(R1)/all.jsonl.zst | jq -r '"all\t" + (.id // .prompt) + "\t" + tojson'; } | \
	    awk -F'\t' '$$1 == "dev" { dev[$$2]; next } !($$2 in dev) { print $$3 }' | gcpo-verify -o $@

# ---- golds ----

$(R1)/golds.txt: | $(R1)/prompts.jsonl.zst
	gcpo-gold lint -m $(MODEL) --max-tokens $(MAX_TOKENS) -o $@ $(R1)/prompts.jsonl.zst
	@cat $@

golds := $(if $(TEACHER),$(R1)/golds/lint.txt)
inject = --when all-wrong $(if $(TEACHER),--gold $(R1)/golds/golds.jsonl.zst,--gold-think wrap)

$(R1)/golds/lint.txt: | $(R1)/golds.txt
	+@$(MAKE) -f $(HERE)/gold.mk GOLDS=$(R1)/golds MODEL=$(MODEL) TEACHER=$(TEACHER) PROMPTS=$(R1)/prompts.jsonl.zst N=$(N) MAX_TOKENS=$(MAX_TOKENS) \
	    ROLLOUT="$(rollout)" TEACHER_ROLLOUT="$(rollout)" PICK="--thought open" THREADS=$(THREADS) BIN=$(BIN)

# ---- training and testing ----

# The run is over when its own makefile says so; then it is known which step did best.
$(R1)/best.json: | $(R1)/golds.txt $(golds)
	+@$(MAKE) -f $(HERE)/train.mk RUN=$(R1)/run MODEL=$(MODEL) PROMPTS=$(R1)/prompts.jsonl.zst ALGO=gcpo STEPS=$(STEPS) N=$(N) PER_STEP=$(PER_STEP) \
	    MAX_TOKENS=$(MAX_TOKENS) LR=$(LR) WARMUP=$(WARMUP) MINIBATCHES=$(MINIBATCHES) INJECT="$(inject)" ROLLOUT="$(rollout)" \
	    DEV=$(R1)/dev.jsonl.zst EVAL_EVERY=$(EVAL_EVERY) EVAL_N=$(EVAL_N) KEEP=$(KEEP) KEEP_BEST=1 SAVE_STATE=$(SAVE_STATE) THREADS=$(THREADS) BIN=$(BIN)
	@cp $(R1)/run/best.json $@.part
	@mv $@.part $@

test = $(MAKE) -f $(HERE)/eval.mk MODEL=$1 PROMPTS=$(R1)/test.jsonl.zst OUT=$(R1)/$2 N=$(TEST_N) MAX_TOKENS=$(TEST_TOKENS) TEMPERATURE=$(TEST_TEMPERATURE) \
       TOP_P=$(TEST_TOP_P) SEED=12345 ROLLOUT="$(rollout)" THREADS=$(THREADS) BIN=$(BIN)

$(R1)/test-base/stat.json: | $(R1)/test.jsonl.zst
	+@$(call test,$(MODEL),test-base)

# the step that did best on the held-out problems, never on the test's
$(R1)/test/stat.json: | $(R1)/best.json
	+@best=$$(jq .step $(R1)/best.json); \
	model=$$([ "$$best" = 0 ] && echo '$(MODEL)' || printf '$(R1)/run/step-%04d/model' $$best); $(call test,$$model,test)

$(R1)/table.tsv: | $(R1)/test-base/stat.json $(R1)/test/stat.json
	@{ printf 'model\tstep\tmean@%d\tpass@%d\n' $(TEST_N) $(TEST_N); \
	for t in test-base test; do \
	    jq -r --arg name $$t --argjson step $$([ $$t = test ] && jq .step $(R1)/best.json || echo 0) \
	        '[(if $$name == "test" then "gcpo" else "base" end), $$step, (.mean.value, (.pass | last | .value) | . * 1e4 | round / 1e4)] | @tsv' $(R1)/$$t/stat.json; \
	done; } > $@.part
	@mv $@.part $@
endif
