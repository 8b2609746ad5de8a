/* cuda.cu - the CUDA device: finding it, its memory, its table. */
#include "compute/cuda/cuda.cuh"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEFT_FREE = 512 << 20, /* of what is free: the driver's own memory, the library's code */
    SLACK = 16 << 20,      /* of the pool: blocks are rounded up */
};

static thread_local bool later;
static thread_local cudaError_t first_failure;

void cuda_check_later(void)
{
    later = true;
    first_failure = cudaSuccess;
}

cudaError_t cuda_checked(void)
{
    later = false;
    return first_failure;
}

void cuda_check(cudaError_t status, const char *what)
{
    if (status == cudaSuccess)
        return;
    if (later) {
        first_failure = first_failure == cudaSuccess ? status : first_failure;
        return;
    }
    struct err e = ERR_NONE;
    err_set(&e, ERR_DEVICE, "the GPU failed at %s: %s", what, cudaGetErrorString(status));
    exit(err_report(&e));
}

/* ---- devices ---- */

enum { OLDEST_MAJOR = 8, OLDEST_DRIVER = CUDART_VERSION / 1000 * 1000 };

static double gib(size_t bytes)
{
    return (double)bytes / (1 << 30);
}

int cuda_devices(void)
{
    int n = 0, usable = 0;
    if (cudaGetDeviceCount(&n) != cudaSuccess) {
        (void)cudaGetLastError();
        return 0;
    }
    for (int i = 0; i < n; i++) {
        struct cudaDeviceProp p;
        usable += cudaGetDeviceProperties(&p, i) == cudaSuccess && p.major >= OLDEST_MAJOR;
    }
    return usable;
}

/* Why nothing can be had, in one sentence. */
static bool no_device(cudaError_t status, const char *asked, struct err *e)
{
    int driver = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
        return err_set(e, ERR_DEVICE,
                       "device %s: there is no NVIDIA driver (one for CUDA %d.0 or "
                       "later is needed)",
                       asked, OLDEST_DRIVER / 1000);
    if (status == cudaErrorInsufficientDriver)
        return err_set(e, ERR_DEVICE,
                       "device %s: the NVIDIA driver is too old (seen CUDA %d.%d, needed %d.0)",
                       asked, driver / 1000, driver % 1000 / 10, OLDEST_DRIVER / 1000);
    return err_set(e, ERR_DEVICE, "device %s: no GPU is there (%s)", asked,
                   cudaGetErrorString(status));
}

/* "cuda" or "cuda:N". */
static bool find_device(const char *name, int *device, struct cudaDeviceProp *p, struct err *e)
{
    int n = 0;
    char *end;
    long index = name[4] ? strtol(name + 5, &end, 10) : 0;
    if (name[4] && (end == name + 5 || *end || index < 0))
        return err_set(e, ERR_USAGE, "device %s: expected cuda or cuda:N, N from 0", name);
    cudaError_t status = cudaGetDeviceCount(&n);
    if (status != cudaSuccess || n == 0) {
        (void)cudaGetLastError();
        return no_device(status, name, e);
    }
    if (index >= n)
        return err_set(e, ERR_DEVICE, "device %s: there are %d GPUs, the last is cuda:%d", name, n,
                       n - 1);
    *device = (int)index;
    status = cudaGetDeviceProperties(p, *device);
    if (status != cudaSuccess)
        return no_device(status, name, e);
    if (p->major < OLDEST_MAJOR)
        return err_set(e, ERR_DEVICE,
                       "device %s: %s is too old (seen compute capability %d.%d, needed %d.0)",
                       name, p->name, p->major, p->minor, OLDEST_MAJOR);
    return true;
}

void cuda_describe(char *out, size_t room)
{
    int n = 0;
    cudaError_t status = cudaGetDeviceCount(&n);
    size_t at = (size_t)snprintf(out, room, "cuda %d.%d:", CUDART_VERSION / 1000,
                                 CUDART_VERSION % 1000 / 10);
    if (status != cudaSuccess || n == 0) {
        struct err e = ERR_NONE;
        (void)cudaGetLastError();
        no_device(status, "cuda", &e);
        snprintf(out + at, room - at, " %s", e.text);
        return;
    }
    for (int i = 0; i < n && at < room; i++) {
        struct cudaDeviceProp p;
        if (cudaGetDeviceProperties(&p, i) == cudaSuccess)
            at += (size_t)snprintf(out + at, room - at, "%s cuda:%d %s (sm_%d%d, %.1f GiB)",
                                   i ? "," : "", i, p.name, p.major, p.minor,
                                   gib(p.totalGlobalMem));
    }
}

/* ---- memory ---- */

/* Not cleared. */
static void *take(struct cuda *c, size_t bytes, struct err *e)
{
    void *p = pool_take(&c->pool, bytes);
    if (!p) {
        err_set(e, ERR_DEVICE,
                "not enough memory on %s (%.2f GiB were asked for, %.2f of %.2f left)", c->name,
                gib(bytes), gib(pool_free_bytes(&c->pool)), gib(c->pool.bytes));
        return NULL;
    }
    return p;
}

void *cuda_alloc(struct backend *b, size_t bytes, struct err *e)
{
    void *p = take(cuda_of(b), bytes, e);
    if (p && bytes)
        cuda_check(cudaMemsetAsync(p, 0, bytes, cuda_of(b)->stream), "clearing memory");
    return p;
}

void cuda_free(struct backend *b, void *p)
{
    if (p)
        pool_give(&cuda_of(b)->pool, p);
}

/* The other half, as soon as the device has read it: an event that was never
 * recorded is over. */
static void turn(struct cuda *c)
{
    struct ring *r = &c->ring;
    cuda_check(cudaEventRecord(r->read[r->half], c->stream), "an upload");
    r->half ^= 1;
    r->used = 0;
    cuda_check(cudaEventSynchronize(r->read[r->half]), "waiting for an upload");
}

void cuda_upload(struct backend *b, void *device, const void *host, size_t bytes)
{
    struct cuda *c = cuda_of(b);
    struct ring *r = &c->ring;
    ASSERT(!c->collecting);
    for (size_t done = 0, n; done < bytes; done += n) {
        if (r->used == RING_HALF)
            turn(c);
        n = bytes - done < RING_HALF - r->used ? bytes - done : RING_HALF - r->used;
        char *at = r->p + (size_t)r->half * RING_HALF + r->used;
        memcpy(at, static_cast<const char *>(host) + done, n);
        cuda_check(cudaMemcpyAsync(static_cast<char *>(device) + done, at, n,
                                   cudaMemcpyHostToDevice, c->stream),
                   "a copy to the device");
        r->used = up(r->used + n, 64);
    }
}

void cuda_download(struct backend *b, void *host, const void *device, size_t bytes)
{
    struct cuda *c = cuda_of(b);
    ASSERT(!c->collecting);
    if (!bytes)
        return;
    cuda_check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, c->stream),
               "a copy from the device");
    cuda_check(cudaStreamSynchronize(c->stream), "the work before a copy");
}

static void cuda_copy(struct backend *b, void *to, const void *from, size_t bytes)
{
    ASSERT(!cuda_of(b)->collecting);
    if (bytes)
        cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda_of(b)->stream),
                   "a copy");
}

static void cuda_zero(struct backend *b, void *p, size_t bytes)
{
    ASSERT(!cuda_of(b)->collecting);
    if (bytes)
        cuda_check(cudaMemsetAsync(p, 0, bytes, cuda_of(b)->stream), "clearing memory");
}

/* What the pool has beside what callers may take. */
static size_t overhead(size_t bytes)
{
    return (size_t)SLACK + LT_WORKSPACE + bytes / 128;
}

static uint64_t cuda_memory(struct backend *b)
{
    struct cuda *c = cuda_of(b);
    return c->memory;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t scratch_for(struct cuda *c, const struct op_limits *l)
{
    size_t n = STAGING;
    n = larger(n, norm_scratch(l));
    n = larger(n, embed_scratch(l));
    n = larger(n, attention_scratch(c, l));
    n = larger(n, head_scratch(l));
    n = larger(n, sample_scratch(l));
    n = larger(n, dot_scratch());
    return up(n, 256) + 32 * 256; /* each part of a frame begins at 256 bytes */
}

static size_t cuda_reserve_bytes(struct backend *b, const struct op_limits *l)
{
    return scratch_for(cuda_of(b), l) + shadow_bytes(cuda_of(b), l);
}

static bool reserve_shadows(struct cuda *c, size_t want, struct err *e)
{
    struct shadows *s = &c->shadows;
    cuda_forget_shadows(c);
    if (want <= s->room * sizeof(uint16_t))
        return true;
    cuda_free(&c->b, s->memory);
    *s = {};
    s->memory = static_cast<uint16_t *>(take(c, want, e));
    if (s->memory)
        s->room = want / sizeof(uint16_t);
    return s->memory != NULL;
}

static bool cuda_reserve(struct backend *b, const struct op_limits *l, struct err *e)
{
    struct cuda *c = cuda_of(b);
    size_t want = scratch_for(c, l), shared = attention_shared(c, l);
    if (shared > c->shared_limit)
        return err_set(e, ERR_DEVICE,
                       "%s gives a block too little shared memory for attention with heads of %zu "
                       "(%zu KiB are needed, %zu can be had)",
                       c->name, l->head_dim, parts(shared, 1024), c->shared_limit >> 10);
    if (!reserve_shadows(c, shadow_bytes(c, l), e))
        return false;
    if (want <= c->scratch_bytes)
        return true;
    cuda_free(b, c->scratch);
    c->scratch_bytes = 0;
    c->scratch = static_cast<char *>(take(c, want, e));
    if (c->scratch)
        c->scratch_bytes = want;
    return c->scratch != NULL;
}

/* ---- opening ---- */

static void cuda_close(struct backend *b)
{
    struct cuda *c = cuda_of(b);
    if (c->stream)
        (void)cudaStreamSynchronize(c->stream);
    cuda_step_close(c);
    cuda_lt_close(c);
    (void)cudaFree(c->pool.memory);
    free(c->pool.blocks);
    for (int i = 0; i < 2; i++)
        if (c->ring.read[i])
            (void)cudaEventDestroy(c->ring.read[i]);
    (void)cudaFreeHost(c->ring.p);
    if (c->stream)
        (void)cudaStreamDestroy(c->stream);
    free(c);
}

static struct ops table(void)
{
    struct ops t = {};
    t.close = cuda_close;
    t.alloc = anew<cuda_alloc>::call;
    t.free = anew<cuda_free>::call;
    t.upload = anew<cuda_upload>::call;
    t.download = anew<cuda_download>::call;
    t.copy = anew<cuda_copy>::call;
    t.zero = anew<cuda_zero>::call;
    t.memory = cuda_memory;
    t.reserve = anew<cuda_reserve>::call;
    t.reserve_bytes = cuda_reserve_bytes;
    t.lanes = host_lanes;
    t.run_lanes = host_run_lanes;
    t.weight_new = anew<cuda_weight_new>::call;
    t.views = cuda_views;
    t.weight_view = cuda_weight_view;
    t.weight_free = anew<cuda_weight_free>::call;
    t.weight_bytes = cuda_weight_bytes;
    t.weight_load = anew<cuda_weight_load>::call;
    t.weight_read = anew<cuda_weight_read>::call;
    t.weight_refresh = anew<cuda_weight_refresh>::call;
    t.linear_backward = cuda_linear_backward;
    t.embed_backward = anew<cuda_embed_backward>::call;
    t.gather = anew<cuda_gather>::call;
    t.scatter_add = anew<cuda_scatter_add>::call;
    t.add = anew<cuda_add>::call;
    t.norm_backward = anew<cuda_norm_backward>::call;
    t.swiglu_backward = anew<cuda_swiglu_backward>::call;
    t.kv_new = anew<cuda_kv_new>::call;
    t.kv_free = anew<cuda_kv_free>::call;
    t.kv_page_bytes = cuda_kv_page_bytes;
    t.plan_new = anew<cuda_plan_new>::call;
    t.plan_free = anew<cuda_plan_free>::call;
    t.plan_set = anew<cuda_plan_set>::call;
    t.attention_backward = anew<cuda_attention_backward>::call;
    t.head = anew<cuda_head>::call;
    t.head_backward = anew<cuda_head_backward>::call;
    t.sample = anew<cuda_sample>::call;
    t.distribution = anew<cuda_distribution>::call;
    t.adamw = anew<cuda_adamw>::call;
    t.dot = anew<cuda_dot>::call;
    t.peak_flops = anew<cuda_peak_flops>::call;
    cuda_step_table(&t);
    return t;
}

/* The pool: what was asked for, or nearly all that is free. */
static bool open_pool(struct cuda *c, const struct backend_options *o, struct err *e)
{
    size_t free_bytes = 0, total = 0;
    void *memory = NULL;
    cuda_check(cudaMemGetInfo(&free_bytes, &total), "asking for its memory");
    size_t most = free_bytes > 2 * (size_t)LEFT_FREE ? free_bytes - LEFT_FREE : free_bytes / 2;
    size_t want = o->memory && o->memory < total ? (size_t)o->memory + overhead((size_t)o->memory)
                  : o->memory                    ? (size_t)-1
                                                 : most;
    if (want > most)
        return err_set(
            e, ERR_DEVICE,
            "%s has not so much memory (%.2f GiB were asked for, %.2f of %.2f can be had)", c->name,
            gib((size_t)o->memory), gib(most), gib(total));
    if (want <= overhead(want))
        return err_set(e, ERR_DEVICE, "%s has too little memory (%.2f of %.2f GiB are free)",
                       c->name, gib(free_bytes), gib(total));
    c->memory = o->memory ? (size_t)o->memory : want - overhead(want);
    cudaError_t status = cudaMalloc(&memory, want);
    if (status != cudaSuccess) {
        (void)cudaGetLastError();
        return err_set(e, ERR_DEVICE, "%s: %.2f GiB of memory cannot be had (%s)", c->name,
                       gib(want), cudaGetErrorString(status));
    }
    pool_init(&c->pool, memory, want);
    return true;
}

static bool open_ring(struct cuda *c, struct err *e)
{
    void *p = NULL;
    if (cudaHostAlloc(&p, 2 * (size_t)RING_HALF, cudaHostAllocDefault) != cudaSuccess) {
        (void)cudaGetLastError();
        return err_set(e, ERR_DEVICE, "%s: %d MiB of pinned memory cannot be had", c->name,
                       2 * RING_HALF >> 20);
    }
    c->ring.p = static_cast<char *>(p);
    for (cudaEvent_t &event : c->ring.read)
        cuda_check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "an event");
    return true;
}

__global__ void any_kernel(void)
{
}

/* Code for an older architecture runs here too, translated, but has no instruction that waits. */
static bool kernels_wait(void)
{
    struct cudaFuncAttributes a;
    cuda_check(cudaFuncGetAttributes(&a, any_kernel), "asking for its kernels");
    return a.ptxVersion >= 90;
}

static bool open_all(struct cuda *c, const struct backend_options *o, struct err *e)
{
    static const struct op_limits none = {};
    cuda_check(cudaSetDevice(c->device), "opening it");
    c->early = kernels_wait();
    if (!open_pool(c, o, e))
        return false;
    cuda_check(cudaStreamCreateWithFlags(&c->stream, cudaStreamNonBlocking), "opening a stream");
    if (!open_ring(c, e))
        return false;
    if (o->precision != PRECISION_EXACT && cublasLtCreate(&c->lt) != CUBLAS_STATUS_SUCCESS)
        return err_set(e, ERR_DEVICE, "%s: cuBLASLt does not start", c->name);
    c->lt_workspace = take(c, LT_WORKSPACE, e);
    return c->lt_workspace && cuda_reserve(&c->b, &none, e);
}

struct backend *cuda_open(const struct backend_options *o, struct err *e)
{
    static const struct ops ops = table();
    struct cudaDeviceProp p;
    int device = 0;
    if (!find_device(o->device, &device, &p, e))
        return NULL;
    struct cuda *c = static_cast<struct cuda *>(xcalloc(1, sizeof *c));
    snprintf(c->name, sizeof c->name, "cuda sm_%d%d %.120s", p.major, p.minor, p.name);
    c->b.op = &ops;
    c->b.name = c->name;
    c->b.precision = o->precision;
    c->device = device;
    c->sms = p.multiProcessorCount;
    c->shared_limit = p.sharedMemPerBlockOptin;
    if (open_all(c, o, e))
        return &c->b;
    cuda_close(&c->b);
    return NULL;
}
