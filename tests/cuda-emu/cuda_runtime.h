/* cuda_runtime.h - the part of CUDA that libcore/compute/cuda uses, for a C++
 * compiler and no GPU: the very kernels and launchers run in the tests.
 *
 * A block's threads are fibers that change over at barriers, shuffles and products of a warp only;
 * blocks run one after another.  The order of threads and blocks between two barriers can be
 * chosen (emu_order), so that a race shows as different bits.  Device memory cannot be touched
 * while no kernel runs, shared memory begins as NaN and is exactly as large as was asked for (an
 * address sanitizer sees the rest). */
#ifndef CUDA_EMU_RUNTIME_H
#define CUDA_EMU_RUNTIME_H

#include "emu.h"
#include "races.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CUDA_EMU 1

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define CUDART_VERSION 13000

struct dim3 {
    unsigned x, y, z;
    dim3(size_t x_ = 1, size_t y_ = 1, size_t z_ = 1)
        : x((unsigned)x_), y((unsigned)y_), z((unsigned)z_)
    {
    }
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};

extern dim3 threadIdx, blockIdx, blockDim, gridDim;

/* ---- errors, devices, memory ---- */

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
};
const char *cudaGetErrorString(cudaError_t e);
cudaError_t cudaGetLastError(void);

struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem;
    int major, minor, multiProcessorCount;
    size_t sharedMemPerBlockOptin;
};
cudaError_t cudaGetDeviceCount(int *n);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int device);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaMemGetInfo(size_t *free, size_t *total);
cudaError_t cudaMalloc(void **p, size_t bytes);
cudaError_t cudaFree(void *p);

typedef struct emu_stream *cudaStream_t;
enum { cudaStreamNonBlocking = 1 };
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t s);
cudaError_t cudaStreamSynchronize(cudaStream_t s);

typedef struct emu_event *cudaEvent_t;
enum { cudaEventDisableTiming = 2, cudaHostAllocDefault = 0 };
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t e);
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s);
cudaError_t cudaEventSynchronize(cudaEvent_t e);
cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void *p);

enum cudaMemcpyKind {
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice
};
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t s);
cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t s);

struct cudaFuncAttributes {
    int ptxVersion;
};
template <typename K> cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *a, K *)
{
    *a = {90};
    return cudaSuccess;
}

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
cudaError_t emu_shared_limit(const void *kernel, int bytes);
template <typename K> cudaError_t cudaFuncSetAttribute(K *kernel, cudaFuncAttribute, int bytes)
{
    return emu_shared_limit((const void *)kernel, bytes);
}

/* ---- graphs ---- */

typedef struct emu_graph *cudaGraph_t, *cudaGraphExec_t;
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *x, cudaGraph_t g, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t x, cudaStream_t s);
cudaError_t cudaGraphDestroy(cudaGraph_t g);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t x);

/* ---- launching ---- */

/* Runs or records: body(closure) is called by every thread; the closure is copied. */
void emu_launch(const void *kernel, dim3 grid, dim3 block, size_t shared, void (*body)(void *),
                void *closure, size_t bytes);

template <typename F> void emu_body(void *f)
{
    (*(F *)f)();
}
template <typename F>
void emu_launch_fn(const void *kernel, dim3 grid, dim3 block, size_t shared, F f)
{
    emu_launch(kernel, grid, block, shared, emu_body<F>, &f, sizeof f);
}

void emu_idle(bool idle); /* no launch is out of turn */

/* The captured arguments are evaluated once, at the launch. */
template <typename... P, typename... A>
void emu_call(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, A... args)
{
    emu_launch_fn((const void *)kernel, grid, block, shared, [=] { kernel((P)args...); });
}

#define LAUNCH(c, kernel, grid, block, shared, ...)                                                \
    (emu_idle(!(c)->collecting), emu_call(kernel, dim3(grid), dim3(block), shared, __VA_ARGS__))

void emu_early(void); /* the next kernel begins early */
void emu_wait(void);  /* and every thread of it calls this */
void emu_next_may_begin(void);
#define LAUNCH_EARLY(c, ...) ((c)->early ? emu_early() : (void)0, LAUNCH(c, __VA_ARGS__))

/* What a kernel calls its dynamic shared memory. */
void *emu_shared(void);
#define SHARED(type, name) type *name = (type *)emu_shared()

/* ---- inside a kernel ---- */

void __syncthreads(void);
int __syncthreads_or(int v);
void __syncwarp(unsigned mask = 0xffffffffu);

/* Every lane of the warp gives 64 bytes and sees those of all others. */
const unsigned char *emu_exchange(const void *mine, size_t bytes);
enum { EMU_SLOT = 64 };

template <typename T> T emu_from_lane(T v, int lane)
{
    const unsigned char *all = emu_exchange(&v, sizeof v);
    T out;
    memcpy(&out, all + (lane & 31) * EMU_SLOT, sizeof out);
    return out;
}
template <typename T> T __shfl_xor_sync(unsigned, T v, int mask)
{
    return emu_from_lane(v, (int)(threadIdx.x & 31) ^ mask);
}
template <typename T> T __shfl_sync(unsigned, T v, int lane)
{
    return emu_from_lane(v, lane);
}

unsigned __ballot_sync(unsigned mask, int v);
inline int __popc(unsigned v)
{
    return __builtin_popcount(v);
}

/* What races.cc is told of by a call, not by the compiler. */
#ifdef EMU_RACES
#define EMU_TOLD __attribute__((noinline, no_sanitize_thread))
#else
#define EMU_TOLD
#endif

/* Of integers only: sums of floats would depend on the order. A thread keeps its turn between barriers. */
EMU_TOLD inline int atomicAdd(int *p, int v)
{
    int was = *p;
    races_access(p, sizeof *p, RACES_ATOMIC, __builtin_return_address(0));
    *p += v;
    return was;
}

template <typename T> EMU_TOLD void emu_store_equal(T *p, T v)
{
    races_access(p, sizeof *p, RACES_EQUAL, __builtin_return_address(0));
    *p = v;
}

/* 16, 8 or 4 bytes into shared memory, zeros unless `there`; see mma.cuh. */
void emu_copy_async(void *to, const void *from, int bytes, bool there);
void emu_copies_commit(void);
void emu_copies_wait(int left);

/* Marks of the pool, for an address sanitizer. */
void emu_pool_used(void *p, size_t bytes, size_t room);
void emu_pool_free(void *p, size_t room);
#define POOL_USED(p, bytes, room) emu_pool_used(p, bytes, room)
#define POOL_FREE(p, room)        emu_pool_free(p, room)

/* What was not written is NaN. */
void emu_scratch(void *p, size_t bytes);
#define SCRATCH_TAKEN(p, bytes) emu_scratch(p, bytes)

#endif
