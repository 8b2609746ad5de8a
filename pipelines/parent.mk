# parent.mk - what a branch takes from the run that it comes from; nothing where FROM is not given.
#
#   FROM=runs/x/40    the branch begins behind step 40 of runs/x
#
# A parameter that is not given is the parent's.  Under another ALGO those are not taken over that belong to the parent's
# method, that is, which its algo/NAME.mk sets.
ifneq ($(FROM),)
PARENT := $(patsubst %/,%,$(dir $(FROM)))
AT     := $(shell expr $(patsubst step-%,%,$(notdir $(FROM))) + 0)
$(if $(AT),,$(error FROM=$(FROM): expected RUN/STEP))
$(if $(wildcard $(PARENT)/params.mk),,$(error FROM=$(FROM): $(PARENT) is no run))
$(if $(wildcard $(PARENT)/$(shell printf step-%04d $(AT))/model.done),,$(error FROM=$(FROM): step $(AT) of $(PARENT) is not done))

PARENT_ALGO := $(shell sed -n 's/^ALGO := //p' '$(PARENT)/params.mk')
ALGO ?= $(PARENT_ALGO)
ifneq ($(ALGO),$(PARENT_ALGO))
-include $(HERE)/algo/$(ALGO).mk
of_method := PRESET $(shell sed -n 's/^\([A-Z_]*\) *?=.*/\1/p' '$(HERE)/algo/$(PARENT_ALGO).mk')
endif

# Values are text: dollars and hashes are quoted.
$(shell mkdir -p '$(RUN)' && sed -e '/^FROM /d' -e '/^RATES :=$$/d' $(foreach v,$(of_method),-e '/^$v /d') -e 's/\$$/$$$$/g' -e 's/\#/\\\#/g' \
    -e 's/ :=/ ?=/' '$(PARENT)/params.mk' > '$(RUN)/.parent.mk')
include $(RUN)/.parent.mk

# Step $2 ($1: step-0007) as the parent has it, by hard links where the file system allows it; the last one with its model
# and state, which are made again if they were pruned, and with the parent's evaluations if they would come out the same.
define link
$(RUN)/$1/model.done:
	@rm -rf $(RUN)/$1 $(RUN)/.$1.part
	@$(call copy,$(PARENT)/$1,$(RUN)/.$1.part)
	$(if $(filter $(AT),$2),$(call link_model,$1),@rm -rf $(RUN)/.$1.part/model $(RUN)/.$1.part/state)
	@mv $(RUN)/.$1.part $(RUN)/$1
endef

# $1: step-0040
define link_model
@[ -d $(RUN)/.$1.part/model -a -d $(RUN)/.$1.part/state ] || { \
    MAKEFLAGS=--no-print-directory $(MAKE) -f $(HERE)/replay.mk RUN=$(PARENT) STEP=$(AT) OUT=$(RUN)/.replay THREADS=$(THREADS) BIN=$(BIN); \
    for part in model state; do [ -d $(RUN)/.$1.part/$$$$part ] || $(call copy,$(RUN)/.replay/$$$$part,$(RUN)/.$1.part/$$$$part); done; rm -rf $(RUN)/.replay; }
	@mkdir -p $(RUN)/eval; \
	if diff -q <($(evaluation_params) $(PARENT)/params.mk) <($(evaluation_params) $(RUN)/params.mk) > /dev/null; then \
	    for f in $(PARENT)/eval/*.json; do k=$$$${f##*/}; \
	        [ ! -e $$$$f ] || [ $$$$((10#$$$${k%.json})) -gt $(AT) ] || cp -alf $$$$f $(RUN)/eval/ 2>/dev/null || cp -a $$$$f $(RUN)/eval/; \
	    done; \
	fi
endef
evaluation_params = grep -E '^(DEV|EVAL_N|EVAL_SEED|MAX_TOKENS|TEMPERATURE|TOP_P|ROLLOUT|VERIFY) :='
endif
