# cuda.mk - the CUDA device: compiled by nvcc with CUDA=1; in every build also by the C++ compiler
# over tests/cuda-emu, so that kernels are tested where there is no GPU.

CUDA_SRC := $(sort $(wildcard libcore/compute/cuda/*.cu))

ifneq ($(CUDA),)
# CUDA_ARCH: compute capabilities to make machine code for; PTX for the last one serves later ones.
NVCC      ?= nvcc
CUDA_ARCH ?= 80;90
CUDA_ARCHS := $(subst ;, ,$(CUDA_ARCH))
CUDA_HOME ?= $(patsubst %/bin/nvcc,%,$(realpath $(shell command -v $(NVCC))))
# Fused only where fmaf is written, as everywhere.  Registers that do not suffice, and arrays that are
# not in registers, are warnings: with WERROR=1 no kernel has either.
NVCCFLAGS += -std=c++17 -O3 -fmad=false $(if $(DEBUG),-G,-Xptxas --warn-on-spills$(comma)--warn-on-local-memory-usage) -Xcompiler -ffp-contract=off,-Wall,-Wextra,-Wshadow \
             $(if $(WERROR),--Werror all-warnings -Xcompiler -Werror) $(if $(PTXAS),-Xptxas -v) \
             $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$a$(comma)code=sm_$a) \
             -gencode arch=compute_$(lastword $(CUDA_ARCHS))$(comma)code=compute_$(lastword $(CUDA_ARCHS))
CPPFLAGS  += -DGCPO_CUDA
LIB_OBJ   += $(CUDA_SRC:%.cu=$(B)/obj/%.cu.o)
LDLIBS    += -L$(CUDA_HOME)/lib64 -Wl,-rpath,$(CUDA_HOME)/lib64 -lcublasLt -lcudart_static -lstdc++ -ldl -lrt

$(B)/obj/%.cu.o: %.cu | $(GEN)
	@mkdir -p $(@D)
	$(call say,NVCC,$<)
	$(Q)$(NVCC) -Ilibcore -I$(B)/gen $(NVCCFLAGS) -MMD -MP -c -o $@ $<

# On a real GPU; where there is none they say so.
GPU_TESTS := $(B)/tests/gpu/test_cuda_ops
$(B)/obj/tests/gpu/%.o: tests/cuda/%.c | $(GEN)
	@mkdir -p $(@D)
	$(call say,CC,$< (a real GPU))
	$(Q)$(CC) $(CPPFLAGS) -DGCPO_REAL_GPU $(CFLAGS) -MMD -MP -c -o $@ $<
$(GPU_TESTS): $(B)/tests/%: $(B)/obj/tests/%.o $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
# Without a GPU: what needs one is left out and says so, and the programs take the CPU.
.PHONY: check-cuda-left-out
check-cuda-left-out: all $(GPU_TESTS)
	@PATH=$(CURDIR)/$(B):$$PATH DATA=$(DATA) bats tests/device.bats
	@$(GPU_TESTS)

.PHONY: gpu-tests
gpu-tests: $(GPU_TESTS) $(UNIT) $(addprefix $(B)/tests/bench/,bench_gpu bench_rollout bench_update)
endif

# ---- without a GPU ----

EMU_SRC   := $(CUDA_SRC) $(sort $(wildcard tests/cuda-emu/*.cc)) libcore/compute/backend.c
EMU_OBJ   := $(EMU_SRC:%=$(B)/obj/emu/%.o)
EMU_TESTS := $(patsubst tests/%.c,$(B)/tests/%,$(sort $(wildcard tests/cuda/test_*.c)))
# The engine's own tests, on the GPU by GCPO_TEST_DEVICE=cuda.
EMU_UNIT  := $(addprefix $(B)/tests/cuda/,test_generate test_train)
EMU_PROGRAMS := $(addprefix $(B)/emu/,gcpo-rollout gcpo-update gcpo-score)
EMU_FLAGS := -std=c++17 $(if $(DEBUG),-O0,-O2) -g $(SAN) -Wall -Wextra -Wshadow -Wno-unknown-pragmas $(if $(WERROR),-Werror) \
             -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-math-errno -ffp-contract=off -pthread
# RACES=1: every access of a kernel, and of what stands for cuBLASLt, comes to tests/cuda-emu/races.cc.
EMU_FLAGS += $(if $(RACES),-DEMU_RACES)
INSTRUMENT := $(if $(RACES),-O1 -fsanitize=thread)
# A fused multiply-add is an instruction, not a call, where the processor has one.
ifneq ($(filter x86_64,$(shell uname -m)),)
EMU_FLAGS += -mfma
endif

$(B)/obj/emu/%.cu.o: %.cu | $(GEN)
	@mkdir -p $(@D)
	$(call say,EMU,$<)
	$(Q)$(CXX) -x c++ $(CPPFLAGS) -Itests/cuda-emu $(EMU_FLAGS) $(INSTRUMENT) -MMD -MP -c -o $@ $<

$(B)/obj/emu/%.cc.o: %.cc | $(GEN)
	@mkdir -p $(@D)
	$(call say,EMU,$<)
	$(Q)$(CXX) $(CPPFLAGS) -Itests/cuda-emu $(EMU_FLAGS) -MMD -MP -c -o $@ $<

$(B)/obj/emu/%.c.o: %.c | $(GEN)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DGCPO_CUDA $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj/emu/tests/cuda-emu/cublaslt.cc.o: EMU_FLAGS += $(INSTRUMENT)

$(B)/obj/tests/cuda/%.o: CPPFLAGS += $(if $(RACES),-DEMU_RACES)
RACES_TESTS := $(B)/tests/cuda/test_cuda_ops $(B)/tests/cuda/test_races
$(B)/tests/cuda/test_races: $(B)/obj/emu/tests/cuda-races/test_races.cu.o $(EMU_OBJ) $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(EMU_TESTS): $(B)/tests/%: $(B)/obj/tests/%.o $(EMU_OBJ) $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(EMU_UNIT): $(B)/tests/cuda/%: $(B)/obj/tests/unit/%.o $(EMU_OBJ) $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(EMU_PROGRAMS): $(B)/emu/%: $(B)/obj/cmd/%.o $(EMU_OBJ) $(B)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
