/* cpu.c - the CPU device: its table, the choice of instruction set, scratch. */
#include "compute/cpu/cpu.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct cpu *cpu_of(struct backend *b)
{
    return (struct cpu *)(void *)b;
}

float *cpu_worker(struct cpu *c, size_t worker, size_t n)
{
    ASSERT(n <= c->worker_floats);
    return c->worker_memory + worker * c->worker_floats;
}

float *cpu_shared(struct cpu *c, size_t n)
{
    ASSERT(n <= c->shared_floats);
    return c->shared;
}

float *cpu_head_memory(struct cpu *c, size_t n)
{
    ASSERT(n <= c->head_floats);
    return c->head;
}

float *cpu_pairs(struct cpu *c, size_t n)
{
    ASSERT(n <= c->pairs_floats);
    return c->pairs;
}

struct each {
    size_t n, parts;
    range_fn *fn;
    void *arg;
};

static void each_task(void *arg, size_t task, size_t worker)
{
    const struct each *x = arg;
    size_t first = x->n / x->parts * task + (task < x->n % x->parts ? task : x->n % x->parts);
    size_t n = x->n / x->parts + (task < x->n % x->parts);
    x->fn(x->arg, first, first + n, worker);
}

void cpu_each(struct cpu *c, size_t n, size_t grain, range_fn *fn, void *arg)
{
    if (n == 0)
        return;
    size_t most = 4 * pool_size(c->pool), parts = n / (grain ? grain : 1);
    struct each x = {n, parts < 1 ? 1 : parts > most ? most : parts, fn, arg};
    if (x.parts == 1 || pool_size(c->pool) == 1)
        fn(arg, 0, n, 0);
    else
        pool_run(c->pool, x.parts, each_task, &x);
}

static void max_of(size_t *a, size_t b)
{
    *a = b > *a ? b : *a;
}

struct scratch {
    size_t worker, shared, head, pairs; /* floats */
};

static struct scratch scratch_sizes(struct backend *b, const struct op_limits *l)
{
    struct scratch s = {product_worker_floats(), product_shared_floats(l), head_shared_floats(l),
                        b->precision == PRECISION_EXACT ? 0 : product_pairs_floats(l)};
    max_of(&s.worker, attention_worker_floats(l));
    max_of(&s.worker, sample_worker_floats(l));
    max_of(&s.worker, head_worker_floats());
    max_of(&s.shared, rows_shared_floats(l));
    if (l->train) {
        max_of(&s.worker, attention_grad_worker_floats(l));
        max_of(&s.shared, attention_grad_shared_floats(l));
    }
    s.worker = up(s.worker, 1024) + PANEL; /* workers' parts on different cache sets */
    s.shared = up(s.shared, PANEL);
    return s;
}

/* Lanes are for decoding: no gradients, no views, no head(), which are what needs the rest. */
static struct scratch lane_sizes(struct backend *b, const struct op_limits *l)
{
    struct op_limits lane = *l;
    lane.rows = (l->rows + l->lanes - 1) / l->lanes;
    lane.head_rows = (l->head_rows + l->lanes - 1) / l->lanes;
    struct scratch s = scratch_sizes(b, &lane);
    s.shared = s.head = 0;
    return s;
}

static size_t cpu_reserve_bytes(struct backend *b, const struct op_limits *l)
{
    struct scratch s = scratch_sizes(b, l);
    size_t floats = s.worker * pool_size(cpu_of(b)->pool) + s.shared + s.head + s.pairs;
    if (l->lanes > 1) {
        s = lane_sizes(b, l);
        floats += l->lanes * (s.worker + s.pairs);
    }
    return floats * sizeof(float);
}

static bool grow(struct backend *b, float **p, size_t *have, size_t want, size_t copies,
                 struct err *e)
{
    if (want <= *have)
        return true;
    host_free(b, *p);
    *have = 0;
    *p = host_alloc(b, want * copies * sizeof(float), e);
    if (*p)
        *have = want;
    return *p != NULL;
}

static bool reserve_scratch(struct cpu *c, struct scratch s, struct err *e)
{
    struct backend *b = &c->b;
    return grow(b, &c->worker_memory, &c->worker_floats, s.worker, pool_size(c->pool), e) &&
           grow(b, &c->shared, &c->shared_floats, s.shared, 1, e) &&
           grow(b, &c->head, &c->head_floats, s.head, 1, e) &&
           grow(b, &c->pairs, &c->pairs_floats, s.pairs, 1, e);
}

static bool cpu_reserve(struct backend *b, const struct op_limits *l, struct err *e)
{
    struct cpu *c = cpu_of(b);
    if (!reserve_scratch(c, scratch_sizes(b, l), e))
        return false;
    if (l->lanes < 2)
        return true;
    struct scratch lane = lane_sizes(b, l);
    if (l->lanes > c->n_lanes)
        c->lanes = xrealloc(c->lanes, l->lanes, sizeof *c->lanes);
    for (; c->n_lanes < l->lanes; c->n_lanes++)
        c->lanes[c->n_lanes] = (struct cpu){.b = c->b, .k = c->k};
    for (size_t i = 0; i < l->lanes; i++)
        if (!reserve_scratch(&c->lanes[i], lane, e))
            return false;
    return true;
}

static void free_scratch(struct cpu *c)
{
    host_free(&c->b, c->worker_memory);
    host_free(&c->b, c->shared);
    host_free(&c->b, c->head);
    host_free(&c->b, c->pairs);
}

static void cpu_close(struct backend *b)
{
    struct cpu *c = cpu_of(b);
    pool_close(c->pool);
    for (size_t i = 0; i < c->n_lanes; i++)
        free_scratch(&c->lanes[i]);
    free(c->lanes);
    free_scratch(c);
    free(c);
}

/* ---- lanes ---- */

static size_t cpu_lanes(struct backend *b)
{
    return pool_size(cpu_of(b)->pool);
}

struct lane_run {
    struct cpu *c;
    lane_fn *fn;
    void *arg;
};

static void lane_task(void *arg, size_t task, size_t worker)
{
    (void)worker;
    const struct lane_run *r = arg;
    r->fn(&r->c->lanes[task].b, task, r->arg);
}

static void cpu_run_lanes(struct backend *b, size_t n, lane_fn *fn, void *arg)
{
    struct lane_run r = {cpu_of(b), fn, arg};
    if (n == 1) {
        fn(b, 0, arg);
        return;
    }
    ASSERT(n <= r.c->n_lanes);
    pool_run(r.c->pool, n, lane_task, &r);
}

struct peak {
    const struct kernels *k;
    enum panels kind;
    double flops[POOL_THREADS_MAX]; /* by task */
};

static void peak_task(void *arg, size_t task, size_t worker)
{
    (void)worker;
    struct peak *p = arg;
    float sink = 1e-6f;
    p->flops[task] = p->k->peak(200000, &sink, p->kind);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double cpu_peak_flops(struct backend *b)
{
    struct cpu *c = cpu_of(b);
    struct peak p = {.k = c->k,
                     .kind = b->precision == PRECISION_EXACT ? PANELS_F32 : PANELS_PAIRS};
    double best = 0;
    for (int round = 0; round < 8; round++) {
        double start = seconds(), flops = 0;
        pool_run(c->pool, pool_size(c->pool), peak_task, &p);
        double took = seconds() - start;
        for (size_t i = 0; i < pool_size(c->pool); i++)
            flops += p.flops[i];
        best = took > 0 && flops / took > best ? flops / took : best;
    }
    return best;
}

static const struct ops cpu_ops = {
    .close = cpu_close,
    .alloc = host_alloc,
    .free = host_free,
    .upload = host_copy,
    .download = host_copy,
    .copy = host_copy,
    .zero = host_zero,
    .memory = host_memory,
    .reserve = cpu_reserve,
    .reserve_bytes = cpu_reserve_bytes,
    .lanes = cpu_lanes,
    .run_lanes = cpu_run_lanes,
    .weight_new = cpu_weight_new,
    .views = host_views,
    .weight_view = cpu_weight_view,
    .weight_free = cpu_weight_free,
    .weight_bytes = cpu_weight_bytes,
    .weight_load = cpu_weight_load,
    .weight_read = cpu_weight_read,
    .weight_refresh = cpu_weight_refresh,
    .linear = cpu_linear,
    .linear_backward = cpu_linear_backward,
    .embed = cpu_embed,
    .embed_backward = cpu_embed_backward,
    .gather = cpu_gather,
    .scatter_add = cpu_scatter_add,
    .add = cpu_add,
    .norm = cpu_norm,
    .norm_backward = cpu_norm_backward,
    .rope = cpu_rope,
    .swiglu = cpu_swiglu,
    .swiglu_backward = cpu_swiglu_backward,
    .kv_new = cpu_kv_new,
    .kv_free = cpu_kv_free,
    .kv_page_bytes = cpu_kv_page_bytes,
    .plan_new = cpu_plan_new,
    .plan_free = cpu_plan_free,
    .plan_set = cpu_plan_set,
    .kv_write = cpu_kv_write,
    .attention = cpu_attention,
    .attention_backward = cpu_attention_backward,
    .head = cpu_head,
    .head_backward = cpu_head_backward,
    .sample = cpu_sample,
    .distribution = cpu_distribution,
    .adamw = cpu_adamw,
    .dot = cpu_dot,
    .peak_flops = cpu_peak_flops,
};

static bool can(const struct kernels *k)
{
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (k == &kernels_avx512bf16)
        return avx512 && __builtin_cpu_supports("avx512bf16");
    if (k == &kernels_avx512)
        return avx512;
    if (k == &kernels_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return true;
}

/* The best set, or the one that was asked for.  The dot products of bf16 can be emulated, to the
 * bit, but so slowly that only tests may ask for it, by name. */
static const struct kernels *choose(const struct backend_options *o, struct err *e)
{
    static const struct kernels *const all[] = {&kernels_avx512bf16, &kernels_avx512, &kernels_avx2,
                                                &kernels_portable};
    const char *isa = o->isa ? o->isa : getenv("GCPO_TEST_ISA");
    bool bf16 = o->precision == PRECISION_BF16;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (isa ? strcmp(isa, all[i]->name) != 0 : all[i] == &kernels_avx512bf16 && !bf16)
            continue;
        if (!isa && bf16 && all[i] != &kernels_avx512bf16)
            break;
        if (can(all[i]))
            return all[i];
        if (isa) {
            err_set(e, ERR_DEVICE, "this CPU has no %s", isa);
            return NULL;
        }
    }
    if (isa)
        err_set(e, ERR_USAGE,
                "there is no instruction set %s (expected portable, avx2, avx512 or avx512bf16)",
                isa);
    else
        err_set(e, ERR_DEVICE, "this CPU has no dot products of bf16 (avx512_bf16)");
    return NULL;
}

struct backend *cpu_open(const struct backend_options *o, struct err *e)
{
    const struct kernels *k = choose(o, e);
    if (!k)
        return NULL;
    struct pool *pool = pool_open(o->threads, e);
    if (!pool)
        return NULL;
    struct cpu *c = xcalloc(1, sizeof *c);
    snprintf(c->name, sizeof c->name, "cpu %s", k->name);
    c->b = (struct backend){&cpu_ops, c->name, o->precision};
    c->k = k;
    c->pool = pool;
    static const struct op_limits none = {0};
    if (cpu_reserve(&c->b, &none, e))
        return &c->b;
    cpu_close(&c->b);
    return NULL;
}
