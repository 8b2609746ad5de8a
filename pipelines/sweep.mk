# sweep.mk - a grid of runs, or of branches of one run, and one table.
#
#   make -j2 -f pipelines/sweep.mk SWEEP=runs/sweep GRID='LR=1e-6,3e-6 MINIBATCHES=1,4' FROM=runs/x/40 STEPS=60 DEV=dev.jsonl
#
#   SWEEP/LR-1e-6.MINIBATCHES-4/   a run of train.mk for each point of the grid
#   SWEEP/table.tsv                the parameters, and how the run came out: mean@k and pass@k on DEV, last and best; entropy,
#                                  tokens per response and golds of the last step
#
# Everything else on the command line goes to train.mk as it is.  Values hold neither blanks nor commas.  Points are made one
# after the other, or N at a time with -jN.  Every file is a target: kill it, type make again.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

comma := ,
HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
need = $(if $($1),,$(error $1= is missing: $2))
$(call need,SWEEP,the folder of the sweep)
$(call need,GRID,NAME=value$(comma)value ...)
$(call need,STEPS,the last step of each run)
export PATH := $(if $(BIN),$(BIN):)$(PATH)

# All combinations, as words like LR=1e-6;N=8.
empty :=
space := $(empty) $(empty)
combine = $(if $1,$(foreach p,$(call values,$(firstword $1)),$(foreach rest,$(call combine,$(wordlist 2,$(words $1),$1)),$p$(if $(filter .,$(rest)),,;$(rest)))),.)
values  = $(foreach v,$(subst $(comma), ,$(lastword $(subst =, ,$1))),$(firstword $(subst =, ,$1))=$v)
points := $(call combine,$(GRID))
folder  = $(SWEEP)/$(subst ;,.,$(subst =,-,$1))
axes   := $(foreach g,$(GRID),$(firstword $(subst =, ,$g)))

.PHONY: sweep
sweep: $(SWEEP)/table.tsv
	@cat $(SWEEP)/table.tsv

# $1: a point
define run
.PHONY: $(call folder,$1)/run
$(call folder,$1)/run:
	@mkdir -p $(call folder,$1)
	+@$(MAKE) -f $(HERE)/train.mk RUN=$(call folder,$1) $(subst ;, ,$1) > $(call folder,$1)/log 2>&1 || { tail -5 $(call folder,$1)/log >&2; exit 1; }
endef
$(foreach p,$(points),$(eval $(call run,$p)))

# $1: a point
row = printf '%s\t' $(foreach v,$(subst ;, ,$1),'$(lastword $(subst =, ,$v))'); \
      jq -rn --slurpfile best <(cat $(call folder,$1)/best.json 2>/dev/null || true) --slurpfile last <(tail -n 1 $(call folder,$1)/metrics.jsonl) \
          --slurpfile eval <(ls $(call folder,$1)/eval/*.json 2>/dev/null | tail -1 | xargs -r cat) -f $(HERE)/sweep.jq;

.PHONY: $(SWEEP)/table.tsv
$(SWEEP)/table.tsv: $(foreach p,$(points),$(call folder,$p)/run)
	@{ printf '%s\t' $(axes); printf 'step\tmean\tpass\tbest\tat\tentropy\ttokens\tgolds\n'; $(foreach p,$(points),$(call row,$p)) } > $@.part
	@mv $@.part $@
