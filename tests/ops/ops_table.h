/* ops_table.h - the table of operator cases.  To add an operator: a function
 * that emits all of its outputs, and rows with awkward shapes. */
#ifndef TESTS_OPS_TABLE_H
#define TESTS_OPS_TABLE_H

#include "ops_case.h"

/* Rows stand a little apart, so that strides are seen. */
/* Rows of a multiple of four elements begin where four can be read at once, others anywhere. */
static inline struct rows random_rows(struct run *r, size_t m, size_t width, double scale)
{
    size_t stride = width + (width % 4 ? 3 : 4);
    return (struct rows){run_random(r, m * stride, scale), stride};
}

static inline void emit_rows(struct run *r, struct rows x, size_t m, size_t width)
{
    for (size_t i = 0; i < m; i++)
        run_emit(r, x.p + i * x.stride, width);
}

/* shape: m, n, k, weights (0: f32, 1: bf16, 2: a view) */
static inline struct weight *case_weight(struct run *r, const size_t *s)
{
    if (s[3] == 2 && r->b->op->views(r->b))
        return r->b->op->weight_view(r->b, run_random(r, s[1] * s[2], 1), s[1], s[2]);
    return run_weight(r, s[3] == 1 ? ELEM_BF16 : ELEM_F32, s[1], s[2], 1);
}

static inline void case_linear(struct run *r, const size_t *s)
{
    struct weight *w = case_weight(r, s);
    struct rows x = random_rows(r, s[0], s[2], 1), y = random_rows(r, s[0], s[1], 1);
    r->b->op->linear(r->b, &(struct linear){.w = w, .m = s[0], .x = x, .y = y});
    emit_rows(r, y, s[0], s[1]);
    r->b->op->linear(
        r->b,
        &(struct linear){
            .w = w, .m = s[0], .x = x, .y = y, .bias = run_random(r, s[1], 1), .residual = y});
    emit_rows(r, y, s[0], s[1]);
    r->b->op->weight_free(r->b, w);
}

static inline void case_linear_backward(struct run *r, const size_t *s)
{
    struct weight *w = case_weight(r, s);
    struct rows x = random_rows(r, s[0], s[2], 1), dy = random_rows(r, s[0], s[1], 1);
    struct rows dx = random_rows(r, s[0], s[2], 1);
    float *dw = run_random(r, s[1] * s[2], 1), *db = run_random(r, s[1], 1);
    for (int add = 0; add < 2; add++) {
        r->b->op->linear_backward(
            r->b,
            &(struct linear_grad){
                .w = w, .m = s[0], .x = x, .dy = dy, .dx = dx, .add_dx = add, .dw = dw, .db = db});
        emit_rows(r, dx, s[0], s[2]);
    }
    run_emit(r, dw, s[1] * s[2]);
    run_emit(r, db, s[1]);
    r->b->op->weight_free(r->b, w);
}

/* shape: rows of the table, columns, ids, weights */
static inline void case_embed(struct run *r, const size_t *s)
{
    size_t shape[4] = {0, s[0], s[1], s[3]};
    struct weight *w = case_weight(r, shape);
    int32_t *ids = run_ids(r, s[2], s[0]);
    struct rows y = random_rows(r, s[2], s[1], 1), dy = random_rows(r, s[2], s[1], 1);
    float *dw = run_random(r, s[0] * s[1], 1), *read = xcalloc(s[0] * s[1], sizeof *read);
    r->b->op->embed(r->b, w, ids, s[2], y);
    emit_rows(r, y, s[2], s[1]);
    r->b->op->embed_backward(r->b, dw, s[1], ids, s[2], dy);
    run_emit(r, dw, s[0] * s[1]);
    r->b->op->weight_read(r->b, w, 0, s[0], read);
    run_emit_host(r, read, s[0] * s[1]);
    if (s[3] != 2 || r->b->op->views(r->b)) /* a view stays as it was */
        r->b->op->weight_refresh(r->b, w, dw);
    r->b->op->weight_read(r->b, w, 1, s[0] - 1, read);
    run_emit_host(r, read, (s[0] - 1) * s[1]);
    free(read);
    r->b->op->weight_free(r->b, w);
}

/* shape: m, c */
static inline void case_copies(struct run *r, const size_t *s)
{
    int32_t *index = xcalloc(s[0], sizeof *index);
    for (size_t i = 0; i < s[0]; i++) /* every second row, backwards */
        index[i] = (int32_t)(2 * (s[0] - 1 - i));
    int32_t *on_device = run_ints(r, index, s[0]);
    free(index);
    struct rows x = random_rows(r, 2 * s[0], s[1], 1), y = random_rows(r, s[0], s[1], 1);
    r->b->op->gather(r->b, y, x, on_device, s[0], s[1]);
    emit_rows(r, y, s[0], s[1]);
    r->b->op->scatter_add(r->b, x, y, on_device, s[0], s[1]);
    r->b->op->add(r->b, x.p, y.p, s[0] * s[1]);
    emit_rows(r, x, 2 * s[0], s[1]);
}

/* shape: m, heads, c */
static inline void case_norm(struct run *r, const size_t *s)
{
    size_t width = s[1] * s[2];
    struct rows x = random_rows(r, s[0], width, 3), y = random_rows(r, s[0], width, 1);
    struct rows dy = random_rows(r, s[0], width, 1), dx = random_rows(r, s[0], width, 1);
    float *w = run_random(r, s[2], 1), *dw = run_random(r, s[2], 1);
    struct norm_grad g = {.m = s[0],
                          .heads = s[1],
                          .c = s[2],
                          .x = x,
                          .dy = dy,
                          .dx = dx,
                          .add_dx = true,
                          .w = w,
                          .dw = dw,
                          .eps = 1e-6f};
    r->b->op->norm_backward(r->b, &g);
    emit_rows(r, dx, s[0], width);
    g.dx = dy;
    g.add_dx = false;
    r->b->op->norm_backward(r->b, &g);
    emit_rows(r, dy, s[0], width);
    run_emit(r, dw, s[2]);
    struct norm a = {.m = s[0], .heads = s[1], .c = s[2], .x = x, .y = y, .w = w, .eps = 1e-6f};
    r->b->op->norm(r->b, &a);
    emit_rows(r, y, s[0], width);
    a.y = x;
    r->b->op->norm(r->b, &a);
    emit_rows(r, x, s[0], width);
}

/* shape: m, heads, d, rot */
static inline void case_rope(struct run *r, const size_t *s)
{
    enum { POSITIONS = 40 };
    struct rows x = random_rows(r, s[0], s[1] * s[2], 1);
    struct rope_args a = {.m = s[0], .heads = s[1], .d = s[2], .rot = s[3], .x = x};
    a.pos = run_ids(r, s[0], POSITIONS);
    a.cos = run_random(r, POSITIONS * s[3] / 2, 1);
    a.sin = run_random(r, POSITIONS * s[3] / 2, 1);
    for (int inverse = 0; inverse < 2; inverse++) {
        a.inverse = inverse;
        r->b->op->rope(r->b, &a);
        emit_rows(r, x, s[0], s[1] * s[2]);
    }
}

/* shape: m, f, scale */
static inline void case_swiglu(struct run *r, const size_t *s)
{
    struct rows gu = random_rows(r, s[0], 2 * s[1], (double)s[2]),
                y = random_rows(r, s[0], s[1], 1);
    r->b->op->swiglu(r->b, &(struct swiglu){.m = s[0], .f = s[1], .gu = gu, .y = y});
    emit_rows(r, y, s[0], s[1]);
    r->b->op->swiglu_backward(
        r->b, &(struct swiglu_grad){.m = s[0], .f = s[1], .gu = gu, .dy = y, .dgu = gu});
    emit_rows(r, gu, s[0], 2 * s[1]);
}

/* ---- attention ----
 * A batch of groups: a prompt and its responses, the prompt's rows in the same
 * batch (training).  Pages are dealt out of order. */

struct batch {
    struct attn_seq seqs[32];
    int32_t pages[512];
    size_t n_seqs, n_pages, n_rows;
};

static inline const int32_t *deal(struct batch *t, size_t n_keys)
{
    int32_t *first = t->pages + t->n_pages;
    size_t n = (n_keys + OPS_KV_BLOCK - 1) / OPS_KV_BLOCK;
    for (size_t i = 0; i < n; i++, t->n_pages++)
        t->pages[t->n_pages] = (int32_t)(t->n_pages ^ 1);
    return first;
}

static inline void add_seq(struct batch *t, const struct attn_seq *prompt, size_t n)
{
    struct attn_seq *s = &t->seqs[t->n_seqs++];
    *s = (struct attn_seq){.pages = deal(t, n), .n_keys = n, .row = t->n_rows, .n_rows = n};
    if (prompt) {
        s->shared_pages = prompt->pages;
        s->n_shared = prompt->n_keys;
        s->shared_row = prompt->row;
    }
    t->n_rows += n;
}

/* shape: heads, kv heads, d, prompt, responses, caches (0: f32, 1: bf16) */
static inline void case_batch(struct batch *t, const size_t *s)
{
    *t = (struct batch){.n_seqs = 0};
    for (size_t group = 0; group < 2; group++) {
        size_t prompt = t->n_seqs;
        add_seq(t, NULL, s[3] + 7 * group);
        for (size_t i = 0; i < s[4]; i++)
            add_seq(t, &t->seqs[prompt], 1 + (i * 37 + group * 11) % 90);
    }
}

struct caches {
    struct kv *kv;
    struct attn_plan *plan;
};

static inline struct caches open_caches(struct run *r, const size_t *s, const struct batch *t)
{
    struct err e = ERR_NONE;
    struct caches c;
    c.kv = r->b->op->kv_new(r->b, s[5] ? ELEM_BF16 : ELEM_F32, 2, t->n_pages + 2, s[1], s[2], &e);
    c.plan = r->b->op->plan_new(r->b,
                                &(struct plan_size){.n_heads = s[0],
                                                    .n_kv_heads = s[1],
                                                    .n_rows = t->n_rows,
                                                    .n_seqs = t->n_seqs,
                                                    .n_pages = t->n_pages + 64},
                                &e);
    ASSERT(c.kv && c.plan);
    return c;
}

static inline void close_caches(struct run *r, struct caches *c)
{
    r->b->op->kv_free(r->b, c->kv);
    r->b->op->plan_free(r->b, c->plan);
}

static inline void case_attention(struct run *r, const size_t *s)
{
    struct batch t;
    case_batch(&t, s);
    struct caches c = open_caches(r, s, &t);
    size_t m = t.n_rows, q_width = s[0] * s[2], kv_width = s[1] * s[2];
    float scale = (float)(1 / sqrt((double)s[2]));
    struct rows q = random_rows(r, m, q_width, 3), out = random_rows(r, m, q_width, 1);
    struct rows k = random_rows(r, m, kv_width, 3), v = random_rows(r, m, kv_width, 1);
    float *lse = run_random(r, m * s[0], 1);
    r->b->op->plan_set(r->b, c.plan, t.seqs, t.n_seqs);
    r->b->op->kv_write(r->b,
                       &(struct kv_write){.kv = c.kv, .layer = 1, .plan = c.plan, .k = k, .v = v});
    r->b->op->attention(r->b, &(struct attention){.kv = c.kv,
                                                  .layer = 1,
                                                  .plan = c.plan,
                                                  .q = q,
                                                  .out = out,
                                                  .lse = lse,
                                                  .scale = scale});
    emit_rows(r, out, m, q_width);
    run_emit(r, lse, m * s[0]);
    struct rows dout = random_rows(r, m, q_width, 1), dq = random_rows(r, m, q_width, 1);
    struct rows dk = random_rows(r, m, kv_width, 1), dv = random_rows(r, m, kv_width, 1);
    r->b->op->attention_backward(r->b, &(struct attention_grad){.kv = c.kv,
                                                                .layer = 1,
                                                                .plan = c.plan,
                                                                .q = q,
                                                                .out = out,
                                                                .dout = dout,
                                                                .lse = lse,
                                                                .dq = dq,
                                                                .dk = dk,
                                                                .dv = dv,
                                                                .scale = scale});
    emit_rows(r, dq, m, q_width);
    emit_rows(r, dk, m, kv_width);
    emit_rows(r, dv, m, kv_width);
    close_caches(r, &c);
}

/* ---- head, sampling ---- */

/* shape: m, v, k, weights */
static inline void case_head(struct run *r, const size_t *s)
{
    size_t shape[4] = {s[0], s[1], s[2], s[3]}, n = 0;
    struct weight *w = case_weight(r, shape);
    struct rows x = random_rows(r, s[0], s[2], 0.5), dx = random_rows(r, s[0], s[2], 1);
    struct head_target *targets = xcalloc(3 * s[0], sizeof *targets);
    for (size_t i = 0; i < s[0]; i++)
        for (size_t j = 0; j < i % 4; j++) /* rows without a target, and with three */
            targets[n++] = (struct head_target){(int32_t)i,
                                                (int32_t)((run_uniform(r) + 1) / 2 * (double)s[1])};
    struct head_row *rows = xcalloc(s[0], sizeof *rows);
    float *logp = xcalloc(n + 1, sizeof *logp), *entropy = xcalloc(s[0], sizeof *entropy);
    r->b->op->head(r->b, &(struct head){.w = w,
                                        .m = s[0],
                                        .x = x,
                                        .targets = targets,
                                        .n_targets = n,
                                        .logp = logp,
                                        .rows = rows,
                                        .entropy = true});
    run_emit_host(r, logp, n);
    for (size_t i = 0; i < s[0]; i++)
        entropy[i] = (float)rows[i].entropy;
    run_emit_host(r, entropy, s[0]);
    double *dlogp = xcalloc(n + 1, sizeof *dlogp), *dentropy = xcalloc(n + 1, sizeof *dentropy);
    for (size_t i = 0; i < n; i++)
        dlogp[i] = run_uniform(r), dentropy[i] = run_uniform(r) / 4;
    float *dw = run_random(r, s[1] * s[2], 1);
    struct head_grad g = {.w = w,
                          .m = s[0],
                          .x = x,
                          .targets = targets,
                          .n_targets = n,
                          .rows = rows,
                          .dlogp = dlogp,
                          .dentropy = dentropy,
                          .dx = dx,
                          .dw = dw};
    r->b->op->head_backward(r->b, &g);
    emit_rows(r, dx, s[0], s[2]);
    g.dentropy = NULL;
    r->b->op->head_backward(r->b, &g);
    emit_rows(r, dx, s[0], s[2]);
    run_emit(r, dw, s[1] * s[2]);
    free(targets);
    free(rows);
    free(logp);
    free(entropy);
    free(dlogp);
    free(dentropy);
    r->b->op->weight_free(r->b, w);
}

/* shape: v, setting */
static inline void case_distribution(struct run *r, const size_t *s)
{
    static const struct sample_row settings[] = {
        {1, 1, 0, 1, 0, 0, 0, NULL, 0},        {0.7, 1, 0, 1, 0, 0, 0, NULL, 0},
        {1, 1, 0, 1, 20, 0, 0, NULL, 0},       {0.7, 0.9, 0, 1, 0, 0, 0, NULL, 0},
        {0.7, 0.8, 0, 1.3, 20, 0, 0, NULL, 0}, {1.5, 0.95, 0.05, 1, 0, 0, 0, NULL, 0},
        {1, 1, 0.1, 1, 0, 0, 0, NULL, 0},      {0, 1, 0, 1, 0, 0, 0, NULL, 0},
        {1, 0.999, 0, 1.1, 300, 0, 0, NULL, 0}};
    static const int32_t seen[] = {3, 5, 3, 0};
    struct sample_row o = settings[s[1]];
    o.limit = (int32_t)(s[0] - s[0] / 10);
    o.seen = seen;
    o.n_seen = 4;
    float *logits = run_random(r, s[0], 8), *out = xcalloc(s[0], sizeof *out);
    double *p = xcalloc(s[0], sizeof *p);
    r->b->op->distribution(r->b, logits, s[0], &o, p);
    for (size_t i = 0; i < s[0]; i++)
        out[i] = (float)p[i];
    run_emit_host(r, out, s[0]);
    free(out);
    free(p);
}

/* shape: n, steps, where the vectors begin */
static inline void case_adamw(struct run *r, const size_t *s)
{
    struct adamw a = {.n = s[0],
                      .p = run_random(r, s[2] + s[0], 1) + s[2],
                      .g = run_random(r, s[2] + s[0], 1) + s[2],
                      .m = run_random(r, s[2] + s[0], 0) + s[2],
                      .v = run_random(r, s[2] + s[0], 0) + s[2],
                      .lr = 1e-2,
                      .beta1 = 0.9,
                      .beta2 = 0.95,
                      .eps = 1e-2,
                      .weight_decay = 0.1,
                      .grad_scale = 0.7};
    for (a.step = 1; a.step <= s[1]; a.step++) {
        a.zero_grad = a.step == s[1];
        r->b->op->adamw(r->b, &a);
    }
    run_emit(r, a.p, s[0]);
    run_emit(r, a.m, s[0]);
    run_emit(r, a.v, s[0]);
    run_emit(r, a.g, s[0]);
    float dot = (float)r->b->op->dot(r->b, a.p, a.m, s[0]);
    run_emit_host(r, &dot, 1);
}

static const struct op_case op_cases[] = {
    {"linear", case_linear, {1, 1, 1, 0}, 1e-6},
    {"linear", case_linear, {1, 48, 40, 0}, 1e-6},
    {"linear", case_linear, {3, 17, 5, 1}, 1e-6},
    {"linear", case_linear, {9, 100, 64, 2}, 1e-6},
    {"linear", case_linear, {67, 257, 130, 0}, 1e-6},
    {"linear", case_linear, {33, 300, 1200, 1}, 2e-6},
    {"linear, many slabs", case_linear, {5, 1100, 2100, 2}, 2e-6},
    {"linear, many row blocks", case_linear, {530, 40, 600, 0}, 2e-6},
    {"linear backward", case_linear_backward, {1, 1, 1, 0}, 1e-6},
    {"linear backward", case_linear_backward, {7, 33, 18, 0}, 1e-6},
    {"linear backward", case_linear_backward, {65, 40, 100, 1}, 1e-6},
    {"linear backward", case_linear_backward, {515, 90, 70, 2}, 2e-6},
    {"linear backward, long", case_linear_backward, {20, 1300, 50, 1}, 2e-6},
    {"embed", case_embed, {50, 24, 33, 0}, 1e-7},
    {"embed", case_embed, {37, 130, 400, 1}, 1e-6},
    {"embed", case_embed, {300, 64, 100, 2}, 1e-6},
    {"copies", case_copies, {9, 50}, 1e-7},
    {"copies", case_copies, {300, 130}, 1e-7},
    {"norm", case_norm, {1, 1, 1}, 1e-6},
    {"norm", case_norm, {5, 1, 130}, 1e-6},
    {"norm", case_norm, {600, 1, 40}, 1e-6},
    {"norm of heads", case_norm, {70, 4, 24}, 1e-6},
    {"rope", case_rope, {30, 3, 24, 24}, 1e-6},
    {"rope", case_rope, {300, 2, 64, 64}, 1e-6},
    {"rope of a part", case_rope, {5, 1, 40, 20}, 1e-6},
    {"swiglu", case_swiglu, {3, 7, 4}, 1e-6},
    {"swiglu", case_swiglu, {200, 88, 10}, 1e-6},
    {"swiglu, saturated", case_swiglu, {10, 100, 200}, 1e-6},
    {"attention", case_attention, {1, 1, 16, 5, 2, 0}, 4e-6},
    {"attention", case_attention, {2, 1, 24, 64, 3, 0}, 4e-6},
    {"attention", case_attention, {6, 2, 64, 130, 8, 0}, 4e-6},
    {"attention", case_attention, {4, 4, 40, 65, 4, 1}, 4e-6},
    {"attention", case_attention, {14, 2, 64, 200, 8, 1}, 4e-6},
    {"attention, one prompt", case_attention, {4, 2, 32, 300, 0, 0}, 4e-6},
    {"attention, wide group", case_attention, {32, 1, 8, 70, 2, 0}, 4e-6},
    {"head", case_head, {1, 5, 3, 0}, 2e-6},
    {"head", case_head, {9, 600, 40, 0}, 2e-6},
    {"head", case_head, {40, 2100, 24, 1}, 2e-6},
    {"head", case_head, {1100, 700, 16, 2}, 2e-6},
    {"distribution, plain", case_distribution, {1000, 0}, 2e-6},
    {"distribution, T", case_distribution, {2000, 1}, 2e-6},
    {"distribution, top-k", case_distribution, {3000, 2}, 2e-6},
    {"distribution, T top-p", case_distribution, {1000, 3}, 2e-6},
    {"distribution, all", case_distribution, {2000, 4}, 2e-6},
    {"distribution, min-p", case_distribution, {1000, 5}, 2e-6},
    {"distribution, min-p", case_distribution, {500, 6}, 2e-6},
    {"distribution, greedy", case_distribution, {3000, 7}, 0},
    {"distribution, many", case_distribution, {3000, 8}, 2e-6},
    {"distribution, T top-p of many ids", case_distribution, {151936, 3}, 2e-6},
    {"distribution, all of many ids", case_distribution, {151936, 4}, 2e-6},
    {"distribution, top-k of many ids", case_distribution, {151936, 2}, 2e-6},
    {"adamw", case_adamw, {1, 1}, 1e-6},
    {"adamw", case_adamw, {50000, 3}, 1e-6},
};

enum { N_OP_CASES = sizeof op_cases / sizeof *op_cases };

#endif
