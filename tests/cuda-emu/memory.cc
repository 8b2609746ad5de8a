/* memory.cc - devices, their memory, and what is copied from and to it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cuda_runtime.h"
#include "parts.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if ASAN
#include <sanitizer/asan_interface.h>
#endif

/* ---- device memory ----
 * Kernels may touch it; while none runs its pages are shut. Copies go through a second mapping of
 * the same memory, which nobody else knows. */

enum { REGIONS = 16 };
static struct region {
    char *p, *open; /* what the device calls it; always open */
    size_t bytes;
} regions[REGIONS];
static int open_depth;

static void protect(int how)
{
    for (struct region &r : regions)
        if (r.p && mprotect(r.p, r.bytes, how) != 0)
            die("mprotect failed");
}

void emu_open(bool open)
{
    if (open && open_depth++ == 0)
        protect(PROT_READ | PROT_WRITE);
    if (!open && --open_depth == 0)
        protect(PROT_NONE);
}

static size_t total_memory(void)
{
    const char *mib = getenv("CUDA_EMU_MEMORY"); /* MiB */
    return (size_t)(mib ? strtoull(mib, NULL, 10) : 2048) << 20;
}

static size_t taken(void)
{
    size_t n = 0;
    for (struct region &r : regions)
        n += r.bytes;
    return n;
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    bytes = (bytes + 65535) / 65536 * 65536;
    if (bytes > total_memory() - taken())
        return cudaErrorMemoryAllocation;
    for (struct region &r : regions)
        if (!r.p) {
            int fd = memfd_create("cuda-emu", MFD_CLOEXEC);
            if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
                die("no memory for the device");
            void *at = mmap(NULL, bytes, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0);
            void *open =
                mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
            close(fd);
            if (at == MAP_FAILED || open == MAP_FAILED)
                die("no room for the device's memory");
            r = {(char *)at, (char *)open, bytes};
            *p = at;
            races_memory(at, open, bytes);
            return cudaSuccess;
        }
    return cudaErrorMemoryAllocation;
}

cudaError_t cudaFree(void *p)
{
    for (struct region &r : regions)
        if (p && r.p == p) {
#if ASAN
            __asan_unpoison_memory_region(r.p, r.bytes);
#endif
            races_memory_gone(p);
            munmap(r.p, r.bytes);
            munmap(r.open, r.bytes);
            r = {NULL, NULL, 0};
            return cudaSuccess;
        }
    return p ? cudaErrorInvalidValue : cudaSuccess;
}

/* Where the device's memory at p is open; NULL: it is not the device's. */
static char *opened(const void *p, size_t bytes)
{
    const char *at = (const char *)p;
    for (struct region &r : regions)
        if (r.p && at >= r.p && at + bytes <= r.p + r.bytes) {
#if ASAN
            if (__asan_region_is_poisoned((void *)p, bytes))
                die("a copy to or from device memory that was not taken");
#endif
            return r.open + (at - r.p);
        }
    return NULL;
}

void emu_pool_used(void *p, size_t bytes, size_t room)
{
#if ASAN
    __asan_unpoison_memory_region(p, bytes);
    __asan_poison_memory_region((char *)p + bytes, room - bytes);
#else
    (void)p, (void)bytes, (void)room;
#endif
}

void emu_pool_free(void *p, size_t room)
{
    races_unwritten(p, room);
#if ASAN
    __asan_poison_memory_region(p, room);
#else
    (void)p, (void)room;
#endif
}

enum { FIRST = 64 << 10 }; /* of large pieces, for speed */

void emu_scratch(void *p, size_t bytes)
{
    char *at = opened(p, bytes);
    if (!at)
        die("scratch that is not the device's");
    races_unwritten(p, bytes);
    memset(at, 0xff, bytes < FIRST ? bytes : (size_t)FIRST);
}

/* ---- devices ---- */

static bool hidden = getenv("CUDA_EMU_NONE") != NULL;
static size_t shared_most = 160 << 10;

size_t emu_shared_room(void)
{
    return shared_most;
}

void emu_shared_most(size_t bytes)
{
    shared_most = bytes;
}

void emu_hide_devices(bool hide)
{
    hidden = hide;
}

const char *cudaGetErrorString(cudaError_t e)
{
    return e == cudaSuccess                 ? "no error"
           : e == cudaErrorNoDevice         ? "no CUDA-capable device is detected"
           : e == cudaErrorMemoryAllocation ? "out of memory"
                                            : "an error";
}

static cudaError_t last_error;

cudaError_t cudaGetLastError(void)
{
    cudaError_t e = last_error;
    last_error = cudaSuccess;
    return e;
}

cudaError_t cudaGetDeviceCount(int *n)
{
    *n = hidden ? 0 : 1;
    return hidden ? cudaErrorNoDevice : cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int device)
{
    if (device != 0)
        return cudaErrorInvalidValue;
    *p = {"emulated", total_memory(), 9, 0, 4, shared_most};
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
    return device == 0 ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total)
{
    *total = total_memory();
    *free = *total - taken();
    return cudaSuccess;
}

/* ---- streams and copies ---- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned)
{
    *s = NULL;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t)
{
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t)
{
    if (emu_capturing())
        die("waiting while a graph is recorded");
    emu_land();
    return cudaSuccess;
}

/* Both ends are host memory here. */
struct copying {
    void *to;
    const void *from;
    size_t bytes;
};

static void copy(void *arg)
{
    const copying *c = (const copying *)arg;
    races_read(c->from, c->bytes);
    races_written(c->to, c->bytes);
    memcpy(c->to, c->from, c->bytes);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t)
{
    char *to_open = opened(to, bytes), *from_open = opened(from, bytes);
    if ((to_open != NULL) != (kind != cudaMemcpyDeviceToHost) ||
        (from_open != NULL) != (kind != cudaMemcpyHostToDevice))
        die("a copy from or to memory that is not what it is said to be");
    if (emu_capturing() && kind != cudaMemcpyDeviceToDevice)
        die("a copy from or to the host while a graph is recorded");
    if (kind == cudaMemcpyHostToDevice)
        emu_fly(from, bytes);
    copying c = {to_open ? to_open : to, from_open ? from_open : from, bytes};
    emu_work(copy, &c, sizeof c);
    return cudaSuccess;
}

struct setting {
    char *p;
    int value;
    size_t bytes;
};

static void set(void *arg)
{
    const setting *s = (const setting *)arg;
    races_written(s->p, s->bytes);
    memset(s->p, s->value, s->bytes);
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t)
{
    setting s = {opened(p, bytes), value, bytes};
    if (!s.p)
        die("memset of memory that is not the device's");
    emu_work(set, &s, sizeof s);
    return cudaSuccess;
}
