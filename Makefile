# gcpo - the only makefile of the build (GNU make, non-recursive).
# `make help` lists what it can do.

VERSION := 0.1.0

# Options: DEBUG=1, ASAN=1, TSAN=1, CUDA=1, CUDA_ARCH="80;90", CC=clang, WERROR=1, PREFIX=, DESTDIR=
ifeq ($(origin CC),default)
CC      := gcc
endif
PREFIX  ?= /usr/local
DATA    ?= ../shared/data
SHELL   := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:

comma := ,

# One folder per configuration, so that builds never mix.
CONFIG := $(if $(LIBFUZZER),fuzz,$(if $(ASAN),asan,$(if $(TSAN),tsan,$(if $(RACES),races,$(if $(DEBUG),debug,release)))))$(if $(CUDA),-cuda)$(if $(filter clang%,$(notdir $(CC))),-clang)
B := build/$(CONFIG)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
        -Wdouble-promotion $(if $(WERROR),-Werror)
OPT  := $(if $(DEBUG),-O0 -g3,$(if $(ASAN)$(LIBFUZZER),-O1 -g,$(if $(TSAN),-O1 -g,-O3 -g)))
SAN  := $(if $(ASAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer) \
        $(if $(TSAN),-fsanitize=thread) \
        $(if $(LIBFUZZER),-fsanitize=fuzzer-no-link$(comma)address$(comma)undefined -fno-sanitize-recover=undefined)

# -ffp-contract=off: a multiply and an add are fused only where fma is written (one reduction order).
CPPFLAGS += -D_POSIX_C_SOURCE=200809L -Ilibcore -I$(B)/gen
CFLAGS   += -std=c11 $(OPT) $(SAN) $(WARN) -fno-math-errno -ffp-contract=off -fno-common -pthread
LDFLAGS  += $(SAN) -pthread
LDLIBS   += -lzstd -lcjson -lpcre2-8 -lutf8proc -lmpfr -lgmp -lxxhash -lm

LIB_SRC  := $(sort $(shell find libcore -name '*.c'))
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/obj/%.o)
CMD_SRC  := $(sort $(wildcard cmd/gcpo-*.c))
PROGRAMS := $(CMD_SRC:cmd/%.c=$(B)/%)
UNIT     := $(patsubst tests/%.c,$(B)/tests/%,$(sort $(wildcard tests/unit/test_*.c tests/ops/test_*.c)))
DATATEST := $(patsubst tests/%.c,$(B)/tests/%,$(sort $(wildcard tests/data/data_*.c)))
FUZZ     := $(patsubst tests/%.c,$(B)/tests/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
BENCH    := $(patsubst tests/%.c,$(B)/tests/%,$(sort $(wildcard tests/bench/bench_*.c)))

.PHONY: all
## all: build the programs into build/release (the default)
all: $(PROGRAMS)

include $(wildcard libcore/compute/cuda/cuda.mk)

.PHONY: help
## help: this list
help:
	@sed -n 's/^## //p' $(firstword $(MAKEFILE_LIST)) | awk -F': ' '{printf "  make %-14s %s\n", $$1, $$2}'
	@echo '  options: DEBUG=1 ASAN=1 TSAN=1 CUDA=1 CUDA_ARCH="80;90" CC=clang WERROR=1 PREFIX=/usr/local DESTDIR= DATA=../shared/data'

# ---- generated sources ----

# The folder is the registry: libcore/x/y/*.c becomes gen/x/y.list with a line X(symbol, "name") for
# each file.  The name is the option's value; in the symbol all but letters and digits is '_'.
REGISTRIES := rl/preset rl/advantage rl/surrogate model/family text/chat answer/kind
GEN := $(B)/gen/version.h $(REGISTRIES:%=$(B)/gen/%.list) $(addprefix $(B)/gen/report/,page.css.inc page.js.inc uplot/uPlot.iife.min.js.inc uplot/uPlot.min.css.inc)

$(B)/gen/version.h: FORCE
	@mkdir -p $(@D)
	@rev=$$(git describe --always --dirty --abbrev=8 2>/dev/null || true); \
	printf '#define GCPO_VERSION "%s"\n#define GCPO_REVISION "%s"\n#define GCPO_CFLAGS "%s"\n' \
	    '$(VERSION)' "$$rev" '$(strip $(OPT) $(SAN))' > $@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(B)/gen/%.list: FORCE
	@mkdir -p $(@D)
	@for f in $(sort $(wildcard libcore/$*/*.c)); do n=$$(basename $$f .c); printf 'X(%s, "%s")\n' "$${n//[^a-z0-9]/_}" "$$n"; done > $@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# A text file as the bytes of a C array.
$(B)/gen/%.inc: libcore/%
	@mkdir -p $(@D)
	@od -An -v -tx1 $< | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' > $@

.PHONY: FORCE
FORCE:
.PRECIOUS: $(GEN) $(B)/obj/%.o

# ---- compiling ----  (V=1 shows the commands)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' '$(1)' '$(2)')

# -g1 in the kernels: tracking every variable of code unrolled that far doubles their compile time.
# The portable kernels unroll so far that gcc needs many minutes to instrument them; the same source is
# checked in its vector builds.
$(B)/obj/%kernels_portable.o $(B)/obj/tests/ops/test_ops_math.o: ISA := -g1 $(if $(ASAN)$(TSAN),-fno-sanitize=all)
$(B)/obj/%_avx2.o:   ISA := -g1 -mavx2 -mfma -mf16c
$(B)/obj/%_avx512.o: ISA := -g1 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c
$(B)/obj/%_avx512bf16.o: ISA := -g1 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mfma -mf16c

$(B)/obj/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(ISA) -MMD -MP -c -o $@ $<

$(B)/libcore.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(PROGRAMS): $(B)/%: $(B)/obj/cmd/%.o $(B)/libcore.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/tests/bench/bench_ops: LDLIBS += -lopenblas # the yardstick of products; nothing else needs it
$(UNIT) $(DATATEST) $(BENCH): $(B)/tests/%: $(B)/obj/tests/%.o $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Faults on purpose, preloaded by tests/faults.bats; it does not go together with sanitizers.
FAULTS := $(if $(ASAN)$(TSAN),,$(B)/tests/faults.so)
$(B)/tests/faults.so: tests/faults.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=c11 -O1 $(filter-out -Wpedantic -Wmissing-prototypes,$(WARN)) -fPIC -shared -o $@ $< -ldl

# Without LIBFUZZER=1 a fuzz target replays the files it is given.
$(FUZZ): $(B)/tests/%: $(B)/obj/tests/%.o $(B)/obj/tests/fuzz/replay.o $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# ---- tests ----

.PHONY: check check-unit check-bats check-fuzz check-data asan tsan
## check: all tests that need no GPU and no network
check: all
	@$(MAKE) --no-print-directory $(UNIT) $(FUZZ) $(DATATEST) $(FAULTS) $(EMU_TESTS) $(EMU_PROGRAMS) $(GPU_TESTS)
	@B=$(B) DATA=$(DATA) tests/run.sh

## check-unit: the C tests only
check-unit: $(UNIT)
	@B=$(B) tests/run.sh unit

## check-bats: the tests of the programs only
check-bats: all $(FAULTS)
	@B=$(B) DATA=$(DATA) tests/run.sh bats

## check-fuzz: replay the fuzzers' corpora
check-fuzz: $(FUZZ)
	@B=$(B) tests/run.sh fuzz

## check-cuda-emu: the CUDA device's tests on an emulated GPU
.PHONY: check-cuda-emu check-gpu bench-gpu
check-cuda-emu: all $(EMU_TESTS) $(EMU_UNIT) $(EMU_PROGRAMS)
	@B=$(B) tests/run.sh cuda
	@B=$(B) BATS_FILES=tests/device.bats tests/run.sh bats

## check-races: races, unwritten memory and early reads in the CUDA device's kernels, every access looked at; no GPU
.PHONY: check-races
check-races:
	@$(MAKE) --no-print-directory RACES=1 races-tests
	@B=build/races tests/run.sh cuda
.PHONY: races-tests
races-tests: $(RACES_TESTS)

## check-gpu: the CUDA device's tests on a GPU (status 69 where there is none)
check-gpu:
	@tests/gpu.sh check

## bench-gpu: speed on a GPU beside its measured limits (status 69 where there is none)
bench-gpu:
	@tests/gpu.sh bench

## check-data: the tests driven by data, over the folder DATA=../shared/data
check-data: all
	@$(MAKE) --no-print-directory $(DATATEST)
	@B=$(B) DATA=$(DATA) tests/run.sh data

## asan: all tests under AddressSanitizer and UndefinedBehaviorSanitizer
asan:
	@$(MAKE) --no-print-directory ASAN=1 check

## valgrind: the programs at work under valgrind: no error, nothing lost
.PHONY: valgrind
valgrind: all
	@PATH=$(CURDIR)/$(B):$$PATH tests/valgrind.sh

## tsan: the tests of the thread pool under ThreadSanitizer
tsan:
	@$(MAKE) --no-print-directory TSAN=1 check-unit

## torture: the long versions: 200 kills, a million groups, a fault at every call, 100,000 generated expressions
.PHONY: torture
torture: all
	@$(MAKE) --no-print-directory $(UNIT) $(FAULTS)
	@export PATH=$(CURDIR)/$(B):$$PATH; { tests/kill.sh 200; tests/memory.sh; tests/faults.sh -g 0; TORTURE=1 $(B)/tests/unit/test_answer_random; } | tee $(B)/torture.log
	@! grep '^not ok' $(B)/torture.log

## fuzz: run one fuzzer with libFuzzer: make fuzz T=json S=60
.PHONY: fuzz
fuzz:
	@mkdir -p build/corpus/$(T)
	@$(MAKE) --no-print-directory CC=clang LIBFUZZER=1 build/fuzz-clang/fuzz_$(T)
	build/fuzz-clang/fuzz_$(T) -max_total_time=$(or $(S),60) -timeout=60 -rss_limit_mb=1024 -print_final_stats=1 build/corpus/$(T) $(wildcard testdata/fuzz/$(T))

# Everything but the engine, whose kernels take long to instrument and read no foreign bytes.
ifdef LIBFUZZER
$(B)/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(filter-out $(B)/obj/libcore/compute/% $(B)/obj/libcore/engine/% $(B)/obj/libcore/task/% $(B)/obj/libcore/model/forward.o $(B)/obj/libcore/model/backward.o,$(LIB_OBJ))
	$(call say,LD,$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -pthread -o $@ $^ $(LDLIBS)
endif

## bench: our speed beside the limits of this machine; JSON=1: as JSON
.PHONY: bench
bench: all
	@$(MAKE) --no-print-directory $(BENCH)
	@B=$(B) DATA=$(DATA) tests/bench/run.sh $(if $(JSON),--json)

## lint: layers, manual pages, shell scripts, formatting
.PHONY: lint
lint:
	@.ci/lint

## format: clang-format every source file in place
.PHONY: format
format:
	clang-format -i $$(git ls-files '*.c' '*.h' '*.cu' '*.cuh' '*.cc')

## demo: train a small model from nothing and show what GCPO does (5 minutes)
.PHONY: demo
demo: all
	@$(MAKE) --no-print-directory -j2 -f pipelines/demo.mk BIN=$(CURDIR)/$(B)

## compare: GCPO beside SFT, GRPO, DAPO and GSPO on three bases (half an hour)
.PHONY: compare
compare: all
	@$(MAKE) --no-print-directory -j2 -f pipelines/compare.mk BIN=$(CURDIR)/$(B)

# ---- installing ----

## deps: install what the build and the tests need (Debian, Ubuntu)
.PHONY: deps
deps:
	@.ci/deps

## install: programs, manual pages and pipelines under PREFIX
.PHONY: install uninstall
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(addprefix $(DESTDIR)$(PREFIX)/share/gcpo/,algo demo compare import export) $(addprefix $(DESTDIR)$(PREFIX)/share/man/man,1 5 7)
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	for s in 1 5 7; do install -m 644 man/*.$$s $(DESTDIR)$(PREFIX)/share/man/man$$s; done
	install -m 644 pipelines/*.mk pipelines/*.jq $(DESTDIR)$(PREFIX)/share/gcpo
	install -m 644 pipelines/algo/*.mk $(DESTDIR)$(PREFIX)/share/gcpo/algo
	install -m 644 pipelines/demo/* $(DESTDIR)$(PREFIX)/share/gcpo/demo
	install -m 644 pipelines/import/* $(DESTDIR)$(PREFIX)/share/gcpo/import
	install -m 644 pipelines/export/* $(DESTDIR)$(PREFIX)/share/gcpo/export
	install -m 644 pipelines/compare/* $(DESTDIR)$(PREFIX)/share/gcpo/compare

## uninstall: remove what install put there
uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(notdir $(PROGRAMS)))
	for s in 1 5 7; do (cd man && ls *.$$s) | while read -r p; do rm -f "$(DESTDIR)$(PREFIX)/share/man/man$$s/$$p"; done; done
	rm -rf $(DESTDIR)$(PREFIX)/share/gcpo

## clean: remove build/ (runs/ is yours and stays)
.PHONY: clean
clean:
	rm -rf build
