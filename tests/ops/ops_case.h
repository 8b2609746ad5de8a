/* ops_case.h - one run of an operator on a device: inputs from a seed, outputs
 * collected as floats.
 *
 * A case is a function of (struct run *, shape); it makes its inputs with
 * run_random(), calls operators and hands results to run_emit().  The same case runs on every
 * device, instruction set and number of threads, and what came out is compared. */
#ifndef TESTS_OPS_CASE_H
#define TESTS_OPS_CASE_H

#include "base/mem.h"
#include "compute/ops.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_BUFFERS = 64, SHAPE = 6 };

struct run {
    struct backend *b;
    uint64_t seed;
    void *buffers[RUN_BUFFERS];
    size_t n_buffers;
    float *out; /* emitted */
    size_t n_out, cap_out;
};

struct op_case {
    const char *name;
    void (*fn)(struct run *r, const size_t *shape);
    size_t shape[SHAPE];
    double bound; /* cpu against ref: rms of the difference over rms of the value */
};

static inline double run_uniform(struct run *r) /* [-1, 1) */
{
    r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(int32_t)(r->seed >> 32) / 2147483648.0;
}

static inline void *run_alloc(struct run *r, size_t bytes)
{
    struct err e = ERR_NONE;
    void *p = r->b->op->alloc(r->b, bytes, &e);
    ASSERT(p && r->n_buffers < RUN_BUFFERS);
    r->buffers[r->n_buffers++] = p;
    return p;
}

/* Device memory with n values in [-scale, scale). */
static inline float *run_random(struct run *r, size_t n, double scale)
{
    float *p = run_alloc(r, n * sizeof *p), *host = xcalloc(n, sizeof *host);
    for (size_t i = 0; i < n; i++)
        host[i] = (float)(scale * run_uniform(r));
    r->b->op->upload(r->b, p, host, n * sizeof *p);
    free(host);
    return p;
}

static inline int32_t *run_ints(struct run *r, const int32_t *host, size_t n)
{
    int32_t *p = run_alloc(r, n * sizeof *p);
    r->b->op->upload(r->b, p, host, n * sizeof *p);
    return p;
}

/* n ids below `limit`, on the device. */
static inline int32_t *run_ids(struct run *r, size_t n, size_t limit)
{
    int32_t *host = xcalloc(n, sizeof *host);
    for (size_t i = 0; i < n; i++)
        host[i] = (int32_t)((run_uniform(r) + 1) / 2 * (double)limit);
    int32_t *p = run_ints(r, host, n);
    free(host);
    return p;
}

/* Room for n more outputs; some cases emit one value at a time. */
static inline float *run_more(struct run *r, size_t n)
{
    if (!r->out || r->n_out + n > r->cap_out) {
        r->cap_out = 2 * (r->n_out + n);
        r->out = xrealloc(r->out, r->cap_out, sizeof *r->out);
    }
    r->n_out += n;
    return r->out + r->n_out - n;
}

static inline void run_emit_host(struct run *r, const float *p, size_t n)
{
    float *to = run_more(r, n);
    if (n)
        memcpy(to, p, n * sizeof *p);
}

static inline void run_emit(struct run *r, const float *device, size_t n)
{
    r->b->op->download(r->b, run_more(r, n), device, n * sizeof *device);
}

static inline struct weight *run_weight(struct run *r, enum elem type, size_t n, size_t k,
                                        double scale)
{
    struct err e = ERR_NONE;
    struct weight *w = r->b->op->weight_new(r->b, type, n, k, &e);
    ASSERT(w);
    float *host = xcalloc(n * k, sizeof *host);
    for (size_t i = 0; i < n * k; i++)
        host[i] = (float)(scale * run_uniform(r));
    r->b->op->weight_load(r->b, w, 0, n, host);
    free(host);
    return w;
}

static inline struct backend *run_open(const char *device, const char *isa, size_t threads,
                                       enum precision precision)
{
    struct err e = ERR_NONE;
    struct backend *b = backend_open(
        &(struct backend_options){
            .device = device, .isa = isa, .threads = threads, .precision = precision},
        &e);
    if (!b)
        return NULL;
    const struct op_limits limits = {.rows = 2048,
                                     .width = 4096,
                                     .head_dim = 256,
                                     .n_heads = 32,
                                     .n_kv_heads = 8,
                                     .keys = 4096,
                                     .vocab = 1 << 18,
                                     .hidden = 1024,
                                     .head_rows = 2048,
                                     .train = true};
    bool ok = b->op->reserve(b, &limits, &e);
    ASSERT(ok);
    return b;
}

static inline void run_case(struct run *r, struct backend *b, const struct op_case *c)
{
    *r = (struct run){.b = b, .seed = 12345};
    c->fn(r, c->shape);
    for (size_t i = 0; i < r->n_buffers; i++)
        b->op->free(b, r->buffers[i]);
}

#endif
