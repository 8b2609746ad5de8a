# params.mk - a folder remembers what it was started with, and refuses to go on under anything else, or twice at once.
#
# FIXED: the names of what bears on the results.  $(call params_rule,FOLDER,MAKEFILE) makes the target FOLDER/params.ok.
define params
$(foreach v,$(FIXED),$v := $(strip $($v))
)
endef

define params_recipe
.PHONY: $1/params.ok
$1/params.ok: export PARAMS = $$(params)
$1/params.ok:
	@mkdir -p '$1'; \
	if [ -e '$1/params.mk' ]; then \
	    diff <(sed 's/^ *//; s/ *$$$$//; /^$$$$/d' <<< "$$$$PARAMS") '$1/params.mk' > /dev/null || { \
	        echo '$2: $1 was started with other parameters (> then, < now):' >&2; \
	        diff <(sed 's/^ *//; s/ *$$$$//; /^$$$$/d' <<< "$$$$PARAMS") '$1/params.mk' >&2 || true; exit 65; }; \
	else \
	    sed 's/^ *//; s/ *$$$$//; /^$$$$/d' <<< "$$$$PARAMS" > '$1/.params.mk.part'; \
	    mv '$1/.params.mk.part' '$1/params.mk'; \
	    $$(if $$(plan),$$(plan),:); \
	fi
endef
params_rule = $(eval $(call params_recipe,$1,$2))

# Until the shell of the recipe ends, another one that comes here with folder $1 is refused by name.  $2: the makefile
locked = mkdir -p '$1'; exec 9>>'$1/.lock'; \
    flock -n 9 || { for i in 1 2 3 4 5; do [ ! -s '$1/.lock' ] || break; sleep 0.1; done; \
        echo "$2: $1 is in use by process $$(cat '$1/.lock')" >&2; exit 73; }; \
    echo $$PPID > '$1/.lock'
