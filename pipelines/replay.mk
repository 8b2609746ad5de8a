# replay.mk - a checkpoint that was pruned, made again from the records of the run.
#
#   make -f pipelines/replay.mk RUN=runs/x STEP=25 OUT=runs/x/replay
#
#   OUT/model OUT/state   of that step
#   OUT/model.done        their digest, which is that in RUN/step-0025/model.done, or nothing is made
#
# Updates are repeated behind the nearest step that still has its model and state (else from the run's base); nothing is
# sampled again.  Steps that a branch has from its parent are made again under the parent's parameters.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:

HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
need = $(if $($1),,$(error $1= is missing: $2))
$(call need,RUN,the folder of the run)
$(call need,STEP,a number)
OUT ?= $(RUN)/replay
export PATH := $(if $(BIN),$(BIN):)$(PATH)
self := $(MAKE) -f $(firstword $(MAKEFILE_LIST))
pad   = $(shell printf step-%04d $1)

# The run's parameters, as it recorded them.
ifeq ($(wildcard $(RUN)/params.mk),)
$(error $(RUN) is no run)
endif
$(shell mkdir -p '$(OUT)' && sed -e 's/\$$/$$$$/g' -e 's/\#/\\\#/g' '$(RUN)/params.mk' > '$(OUT)/.run.mk')
FROM :=
include $(OUT)/.run.mk
-include $(HERE)/algo/$(ALGO).mk
include $(HERE)/options.mk

PARENT := $(patsubst %/,%,$(dir $(FROM)))
AT     := $(if $(FROM),$(shell expr $(patsubst step-%,%,$(notdir $(FROM))) + 0),0)

# The nearest step that has what an update needs.
whole  = $(and $(wildcard $(RUN)/$(call pad,$1)/model/config.json),$(wildcard $(RUN)/$(call pad,$1)/state))
START := $(shell k=$(STEP); while [ $$k -gt $(AT) ]; do d=$$(printf '$(RUN)/step-%04d' $$k); [ ! -d $$d/model -o ! -d $$d/state ] || break; k=$$((k - 1)); done; echo $$k)
digest := $(RUN)/$(call pad,$(STEP))/model.done

.PHONY: replay
replay: $(OUT)/model.done

# Where updates begin: a kept step, the base, or the parent's last step.
$(OUT)/$(call pad,$(START))/model.done:
	@rm -rf $(@D); mkdir -p $(@D)
ifeq ($(call whole,$(START)),)
ifeq ($(FROM),)
	@$(call copy,$(MODEL),$(@D)/model)
else
	@MAKEFLAGS=--no-print-directory $(self) RUN=$(PARENT) STEP=$(START) OUT=$(@D)/parent THREADS=$(THREADS) BIN=$(BIN)
	@mv $(@D)/parent/model $(@D)/parent/state $(@D)/; rm -rf $(@D)/parent
endif
else
	@for part in model state; do $(call copy,$(RUN)/$(notdir $(@D))/$$part,$(@D)/$$part); done
endif
	@gcpo-model info --digest $(@D)/model > $(@D)/.model.done.part
	@mv $(@D)/.model.done.part $@

# $1: step-0007  $2: step-0006  $3: 7
define again
$(OUT)/$1/model.done: | $(OUT)/$2/model.done
	@rm -rf $(OUT)/$1; mkdir -p $(OUT)/$1
	gcpo-update -m $(OUT)/$2/model $(update_options) $(if $(filter 1,$3),,--state $(OUT)/$2/state )-o $(OUT)/$1/model --state-out $(OUT)/$1/state \
	    $(RUN)/$1/step.jsonl.zst
	@gcpo-model info --digest $(OUT)/$1/model > $(OUT)/$1/.model.done.part
	@mv $(OUT)/$1/.model.done.part $$@
	@rm -rf $(OUT)/$2/model $(OUT)/$2/state
endef
$(foreach k,$(filter-out $(START),$(shell seq $(START) $(STEP))),$(eval $(call again,$(call pad,$k),$(call pad,$(shell expr $k - 1)),$k)))

$(OUT)/model.done: | $(OUT)/$(call pad,$(STEP))/model.done
	@cmp -s $(OUT)/$(call pad,$(STEP))/model.done $(digest) || { \
	    echo 'replay.mk: the weights of step $(STEP) come out as '$$(cat $(OUT)/$(call pad,$(STEP))/model.done)', not as '$$(cat $(digest))' (another build, or base?)' >&2; exit 65; }
	@rm -rf $(OUT)/model $(OUT)/state
	@for part in model state; do [ ! -d $(OUT)/$(call pad,$(STEP))/$$part ] || $(call copy,$(OUT)/$(call pad,$(STEP))/$$part,$(OUT)/$$part); done
	@cp $(digest) $(OUT)/.model.done.part
	@rm -f $(OUT)/step-*/model.done; rm -rf $(OUT)/step-* $(OUT)/.run.mk
	@mv $(OUT)/.model.done.part $@
