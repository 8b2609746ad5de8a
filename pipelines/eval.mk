# eval.mk - mean@k and pass@k of a model on a prompt file.
#
#   make -f pipelines/eval.mk MODEL=runs/x/step-0040/model PROMPTS=test.jsonl OUT=runs/x/test N=8
#
#   OUT/groups.jsonl.zst   the responses with their verdicts
#   OUT/stat.json          the table, by the member BY of the records if it is given

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
include $(HERE)/defaults.mk
export PATH := $(if $(BIN),$(BIN):)$(PATH)

need = $(if $($1),,$(error $1= is missing: $2))
$(call need,MODEL,the model directory)
$(call need,PROMPTS,a file of prompts with answers)
$(call need,OUT,the folder for the results)

.PHONY: eval
eval: $(OUT)/stat.json
	@gcpo-stat $(if $(BY),--by $(BY)) $(OUT)/groups.jsonl.zst

$(OUT)/rollouts.jsonl.zst:
	@mkdir -p $(@D)
	gcpo-rollout -m $(MODEL) -n $(N) --max-tokens $(MAX_TOKENS) --temperature $(TEMPERATURE) --top-p $(TOP_P) -s $(SEED) \
	    -j $(THREADS) $(if $(MEMORY),--memory $(MEMORY)) $(ROLLOUT) -o $@ $(PROMPTS)

$(OUT)/groups.jsonl.zst: | $(OUT)/rollouts.jsonl.zst
	gcpo-verify $(VERIFY) -o $@ $(OUT)/rollouts.jsonl.zst

$(OUT)/stat.json: | $(OUT)/groups.jsonl.zst
	gcpo-stat --json $(if $(BY),--by $(BY)) $(OUT)/groups.jsonl.zst > $@.part
	mv $@.part $@
