/* step.cu - the calls of a step, put off until its end.
 *
 * A decode step is some hundred short kernels, and launching them one by one takes the host longer
 * than the device needs for them.  All that decides over the launches is in the calls'
 * arguments, so what was called is compared with what was called before: the same calls go again as
 * one CUDA graph, recorded at the third time; the first two were plain, so that kernels are
 * loaded and products have their algorithms before anything is recorded. Where the device
 * refuses to record, everything stays plain. */
#include "compute/cuda/cuda.cuh"

#include <stdlib.h>
#include <string.h>

enum { KEPT = 8 /* sequences of calls */, PLAIN = 2 };

struct bytes {
    char *p;
    size_t n, cap;
};

struct waiting {
    void (*run)(struct backend *b, const void *args);
    size_t at; /* of its arguments */
};

/* A sequence of calls: its key, and its graph if it has one. */
struct sequence {
    struct bytes key;
    unsigned times;
    uint64_t last; /* step in which it was called */
    cudaGraphExec_t graph;
};

struct steps {
    bool refused;
    uint64_t n; /* steps so far */
    struct bytes args, key, calls;
    struct sequence kept[KEPT];
};

/* Room for n more, to be filled at once. */
static inline char *extend(struct bytes *b, size_t n)
{
    if (b->n + n > b->cap) {
        b->cap = 2 * (b->n + n);
        b->p = static_cast<char *>(xrealloc(b->p, b->cap, 1));
    }
    b->n += n;
    return b->p + b->n - n;
}

static inline void append(struct bytes *b, const void *p, size_t n)
{
    memcpy(extend(b, n), p, n);
}

/* ---- keys: whatever a launch depends on, without the gaps of structures ---- */

template <typename... T> static void key_add(struct bytes *key, const T &...values)
{
    char *to = extend(key, (sizeof values + ...));
    ((memcpy(to, &values, sizeof values), to += sizeof values), ...);
}

static void key_weight(struct bytes *key, const struct weight *w)
{
    key_add(key, w->own, w->view, w->n, w->k, w->ld, w->bf16, w->rounded);
}

static void key_pages(struct bytes *key, const struct kv *kv, size_t layer,
                      const struct attn_plan *plan)
{
    key_add(key, kv->data, kv->type, kv->n_layers, kv->n_pages, kv->n_heads, kv->d, layer);
    key_add(key, plan->memory, plan->n_heads, plan->n_kv_heads, plan->n_rows, plan->s.n,
            plan->longest, plan->n_items, plan->many.grid, plan->few.grid, plan->merges,
            plan->covered);
}

struct embedding {
    const struct weight *w;
    const int32_t *ids;
    size_t m;
    struct rows y;
};

static void key_of(struct bytes *key, const struct embedding *a)
{
    key_weight(key, a->w);
    key_add(key, a->ids, a->m, a->y);
}

static void key_of(struct bytes *key, const struct linear *a)
{
    key_weight(key, a->w);
    key_add(key, a->m, a->x, a->y, a->bias, a->residual);
}

static void key_of(struct bytes *key, const struct norm *a)
{
    key_add(key, a->m, a->heads, a->c, a->x, a->y, a->w, a->eps, a->fleeting);
}

static void key_of(struct bytes *key, const struct rope_args *a)
{
    key_add(key, a->m, a->heads, a->d, a->rot, a->x, a->pos, a->cos, a->sin, a->inverse);
}

static void key_of(struct bytes *key, const struct swiglu *a)
{
    key_add(key, a->m, a->f, a->gu, a->y, a->fleeting);
}

static void key_of(struct bytes *key, const struct kv_write *a)
{
    key_pages(key, a->kv, a->layer, a->plan);
    key_add(key, a->k, a->v);
}

static void key_of(struct bytes *key, const struct attention *a)
{
    key_pages(key, a->kv, a->layer, a->plan);
    key_add(key, a->q, a->out, a->lse, a->scale);
}

/* ---- collecting ---- */

template <typename A, void (*OP)(struct backend *, const A *)>
static void run(struct backend *b, const void *args)
{
    OP(b, static_cast<const A *>(args));
}

/* The operator as the table has it: now, or at the end of the step. */
template <typename A, void (*OP)(struct backend *, const A *)>
static void call(struct backend *b, const A *a)
{
    struct cuda *c = cuda_of(b);
    if (!c->collecting) {
        OP(b, a);
        return;
    }
    struct steps *s = c->steps;
    s->args.n = up(s->args.n, 16);
    struct waiting x = {run<A, OP>, s->args.n};
    append(&s->args, a, sizeof *a);
    append(&s->calls, &x, sizeof x);
    key_add(&s->key, x.run);
    key_of(&s->key, a);
}

static void embed(struct backend *b, const struct embedding *a)
{
    anew<cuda_embed>::call(b, a->w, a->ids, a->m, a->y);
}

static void call_embed(struct backend *b, const struct weight *w, const int32_t *ids, size_t m,
                       struct rows y)
{
    struct embedding a = {w, ids, m, y};
    call<struct embedding, embed>(b, &a);
}

static void step_begin(struct backend *b)
{
    struct cuda *c = cuda_of(b);
    ASSERT(!c->collecting);
    if (!c->steps)
        c->steps = static_cast<struct steps *>(xcalloc(1, sizeof *c->steps));
    struct steps *s = c->steps;
    s->args.n = s->key.n = s->calls.n = 0;
    s->n++;
    key_add(&s->key, c->scratch, c->scratch_bytes, c->shadows.memory, c->shadows.room);
    c->collecting = true;
}

/* ---- the end of a step ---- */

static void run_calls(struct cuda *c)
{
    const struct steps *s = c->steps;
    cuda_forget_shadows(c); /* a graph finds none from before it, and leaves none */
    const struct waiting *calls = reinterpret_cast<const struct waiting *>(s->calls.p);
    for (size_t i = 0; i < s->calls.n / sizeof *calls; i++)
        calls[i].run(&c->b, s->args.p + calls[i].at);
}

/* The sequence with this step's key; else a new one in the place of what was not called longest. */
static struct sequence *find(struct steps *s)
{
    struct sequence *oldest = &s->kept[0];
    for (struct sequence &q : s->kept) {
        if (q.key.n == s->key.n && memcmp(q.key.p, s->key.p, s->key.n) == 0)
            return &q;
        if (q.last < oldest->last)
            oldest = &q;
    }
    if (oldest->graph)
        (void)cudaGraphExecDestroy(oldest->graph); /* after it has run, if it still does */
    oldest->graph = NULL;
    oldest->times = 0;
    oldest->key.n = 0;
    append(&oldest->key, s->key.p, s->key.n);
    return oldest;
}

/* Nothing that is called meanwhile is done. */
static bool record(struct cuda *c, cudaGraphExec_t *exec)
{
    cudaGraph_t graph = NULL;
    if (cudaStreamBeginCapture(c->stream, cudaStreamCaptureModeThreadLocal) != cudaSuccess)
        return false;
    cuda_check_later();
    run_calls(c);
    bool ok = cuda_checked() == cudaSuccess;
    ok = cudaStreamEndCapture(c->stream, &graph) == cudaSuccess && graph && ok;
    ok = ok && cudaGraphInstantiate(exec, graph, 0) == cudaSuccess;
    if (graph)
        (void)cudaGraphDestroy(graph);
    return ok;
}

/* A driver that does not record kernels that begin early may record them one behind the other. */
static bool record_somehow(struct cuda *c, cudaGraphExec_t *exec)
{
    if (record(c, exec))
        return true;
    (void)cudaGetLastError();
    *exec = NULL;
    if (!c->early)
        return false;
    c->early = false;
    return record_somehow(c, exec);
}

static void step_end(struct backend *b)
{
    struct cuda *c = cuda_of(b);
    struct steps *s = c->steps;
    ASSERT(c->collecting);
    c->collecting = false;
    struct sequence *q = find(s);
    q->last = s->n;
    q->times++;
    if (!q->graph && !s->refused && q->times > PLAIN)
        s->refused = !record_somehow(c, &q->graph);
    if (q->graph)
        cuda_check(cudaGraphLaunch(q->graph, c->stream), "a step");
    else
        run_calls(c);
    cuda_forget_shadows(c);
}

void cuda_step_table(struct ops *t)
{
    t->step_begin = step_begin;
    t->step_end = step_end;
    t->embed = call_embed;
    t->linear = call<struct linear, cuda_linear>;
    t->norm = call<struct norm, cuda_norm>;
    t->rope = call<struct rope_args, anew<cuda_rope>::call>;
    t->swiglu = call<struct swiglu, cuda_swiglu>;
    t->kv_write = call<struct kv_write, anew<cuda_kv_write>::call>;
    t->attention = call<struct attention, anew<cuda_attention>::call>;
}

void cuda_step_close(struct cuda *c)
{
    struct steps *s = c->steps;
    if (!s)
        return;
    for (struct sequence &q : s->kept) {
        if (q.graph)
            (void)cudaGraphExecDestroy(q.graph);
        free(q.key.p);
    }
    free(s->args.p);
    free(s->key.p);
    free(s->calls.p);
    free(s);
}
