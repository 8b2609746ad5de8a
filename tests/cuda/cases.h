/* cases.h - shapes for the emulated GPU: small, since every thread is run in
 * turn, and odd, around the edges of tiles. */
#ifndef TESTS_CUDA_CASES_H
#define TESTS_CUDA_CASES_H

#include "../ops/ops_table.h"

/* A decode step: prompts and what was sampled are in the caches, then one row of each sample.
 * shape: heads, kv heads, d, prompt, samples, caches */
static inline void case_decode(struct run *r, const size_t *s)
{
    struct batch t;
    case_batch(&t, s);
    struct caches c = open_caches(r, s, &t);
    size_t m = t.n_rows, q_width = s[0] * s[2], kv_width = s[1] * s[2], n = 0;
    struct rows k = random_rows(r, m, kv_width, 3), v = random_rows(r, m, kv_width, 1);
    struct kv_write w = {.kv = c.kv, .layer = 1, .plan = c.plan, .k = k, .v = v};
    r->b->op->plan_set(r->b, c.plan, t.seqs, t.n_seqs);
    r->b->op->kv_write(r->b, &w);
    struct attn_seq single[32];
    for (size_t i = 0; i < t.n_seqs; i++)
        if (t.seqs[i].n_shared) {
            single[n] = t.seqs[i];
            single[n].row = n;
            single[n++].n_rows = 1;
        }
    struct rows q = random_rows(r, n, q_width, 3), out = random_rows(r, n, q_width, 1);
    w.k = random_rows(r, n, kv_width, 3), w.v = random_rows(r, n, kv_width, 1);
    r->b->op->plan_set(r->b, c.plan, single, n);
    r->b->op->kv_write(r->b, &w);
    struct attention a = {
        .kv = c.kv, .layer = 1, .plan = c.plan, .q = q, .out = out, .scale = 0.2f};
    r->b->op->attention(r->b, &a);
    emit_rows(r, out, n, q_width);
    single[1].row = 0; /* one alone */
    r->b->op->plan_set(r->b, c.plan, single + 1, 1);
    r->b->op->attention(r->b, &a);
    emit_rows(r, out, 1, q_width);
    close_caches(r, &c);
}

/* Tokens drawn with every filter, for u from 0 to just below 1.
 * shape: vocabulary, rows, logits' largest size, their steps in one (0: no ties) */
static inline void case_sample(struct run *r, const size_t *s)
{
    static const struct sample_row settings[] = {{1, 1, 0, 1, 0, 0, 0, NULL, 0},
                                                 {0.7, 1, 0, 1, 0, 0, 0, NULL, 0},
                                                 {0, 1, 0, 1, 0, 0, 0, NULL, 0},
                                                 {1.7, 1, 0, 1, 0, 0, 0, NULL, 0},
                                                 {0.7, 1, 0, 1.2, 0, 0, 0, NULL, 0},
                                                 {1, 0.9, 0, 1, 0, 0, 0, NULL, 0},
                                                 {1, 1, 0.02, 1, 0, 0, 0, NULL, 0},
                                                 {1, 1, 0, 1, 30, 0, 0, NULL, 0},
                                                 {0.8, 0.95, 0.01, 1.1, 700, 0, 0, NULL, 0},
                                                 {1.3, 0.9999, 0, 1, 0, 0, 0, NULL, 0},
                                                 {1, 0.5, 0.3, 1, 5, 0, 0, NULL, 0},
                                                 {0, 1, 0, 1.3, 0, 0, 0, NULL, 0},
                                                 {1, 0, 0, 1, 0, 0, 0, NULL, 0},
                                                 {1, 0.99999, 0.9, 1, 2600, 0, 0, NULL, 0}};
    static const double us[] = {0, 1e-12, 0.3, 0.77, 0.99999999999999989};
    static const int32_t seen[] = {3, 0, 3, 1, 17};
    enum { SETTINGS = sizeof settings / sizeof *settings, US = sizeof us / sizeof *us };
    size_t v = s[0], m = s[1], stride = v + 3;
    float *host = xcalloc(m * stride, sizeof *host);
    for (size_t i = 0; i < m * stride; i++) {
        double z = (double)s[2] * run_uniform(r);
        host[i] = (float)(s[3] ? floor(z * (double)s[3]) / (double)s[3] : z);
    }
    struct rows logits = {run_alloc(r, m * stride * sizeof *host), stride};
    r->b->op->upload(r->b, logits.p, host, m * stride * sizeof *host);
    struct sample_row *rows = xcalloc(m, sizeof *rows);
    struct sample_out *out = xcalloc(m, sizeof *out);
    for (size_t i = 0; i < m; i++) {
        rows[i] = settings[i % SETTINGS];
        rows[i].u = us[i / SETTINGS % US];
        rows[i].limit = (int32_t)(i % 3 == 1 ? v - v / 10 : v);
        rows[i].seen = seen;
        rows[i].n_seen = 5;
    }
    r->b->op->sample(r->b, &(struct sample){m, v, logits, rows, out});
    for (size_t i = 0; i < m; i++)
        run_emit_host(r, (float[]){(float)out[i].id, out[i].logp}, 2);
    free(host);
    free(rows);
    free(out);
}

/* Apart from the others, since u just below 1 may draw another id where sums are rounded elsewise. */
static const struct op_case sample_cases[] = {
    {"sampling, one id", case_sample, {1, 70, 3, 0}, 0},
    {"sampling, more rows than blocks", case_sample, {600, 300, 5, 0}, 0},
    {"sampling, more rows than at once", case_sample, {70, 600, 5, 0}, 0},
    {"sampling", case_sample, {5000, 70, 8, 0}, 0},
    {"sampling, nearly flat", case_sample, {5000, 70, 1, 0}, 0},
    {"sampling, ties", case_sample, {4097, 70, 4, 2}, 0},
    {"sampling, all equal", case_sample, {3000, 70, 0, 1}, 0},
    {"sampling, far apart", case_sample, {2048, 70, 300, 0}, 0},
    {"sampling, many ids", case_sample, {151936, 10, 12, 0}, 0},
};

enum { N_SAMPLE_CASES = sizeof sample_cases / sizeof *sample_cases };

static const struct op_case cuda_cases[] = {
    {"linear", case_linear, {1, 1, 1, 0}, 1e-6},
    {"linear", case_linear, {3, 17, 5, 1}, 1e-6},
    {"linear", case_linear, {9, 100, 64, 2}, 1e-6},
    {"linear", case_linear, {33, 130, 70, 1}, 2e-6},
    {"linear", case_linear, {67, 65, 33, 0}, 1e-6},
    {"linear, large tiles", case_linear, {260, 520, 9, 0}, 2e-6},
    {"linear backward", case_linear_backward, {1, 1, 1, 0}, 1e-6},
    {"linear backward", case_linear_backward, {7, 33, 18, 0}, 1e-6},
    {"linear backward", case_linear_backward, {65, 40, 50, 1}, 1e-6},
    {"linear backward, row blocks", case_linear_backward, {515, 30, 20, 2}, 2e-6},
    {"embed", case_embed, {50, 24, 33, 0}, 1e-7},
    {"embed", case_embed, {37, 130, 100, 1}, 1e-6},
    {"embed", case_embed, {30, 64, 70, 2}, 1e-6},
    {"embed, long runs", case_embed, {3, 600, 90, 0}, 1e-6},
    {"copies", case_copies, {9, 50}, 1e-7},
    {"copies", case_copies, {70, 300}, 1e-7},
    {"norm", case_norm, {1, 1, 1}, 1e-6},
    {"norm", case_norm, {5, 1, 130}, 1e-6},
    {"norm", case_norm, {300, 1, 40}, 1e-6},
    {"norm, wide", case_norm, {3, 1, 777}, 1e-6},
    {"norm, wider", case_norm, {3, 1, 3000}, 1e-6},
    {"norm, widest", case_norm, {2, 1, 4094}, 1e-6},
    {"norm, more rows than blocks", case_norm, {389, 1, 132}, 1e-6},
    {"norm of heads", case_norm, {20, 4, 24}, 1e-6},
    {"norm of heads", case_norm, {7, 3, 10}, 1e-6},
    {"norm of heads, more than groups", case_norm, {1030, 3, 8}, 1e-6},
    {"rope", case_rope, {30, 3, 24, 24}, 1e-6},
    {"rope of a part", case_rope, {5, 1, 40, 20}, 1e-6},
    {"rope of a part, four at once", case_rope, {5, 3, 40, 24}, 1e-6},
    {"rope, odd", case_rope, {40, 3, 10, 10}, 1e-6},
    {"swiglu", case_swiglu, {3, 7, 4}, 1e-6},
    {"swiglu", case_swiglu, {20, 88, 10}, 1e-6},
    {"swiglu, saturated", case_swiglu, {10, 100, 200}, 1e-6},
    {"attention", case_attention, {1, 1, 16, 5, 2, 0}, 4e-6},
    {"attention", case_attention, {2, 1, 24, 64, 3, 0}, 4e-6},
    {"attention", case_attention, {6, 2, 64, 70, 3, 1}, 4e-6},
    {"attention", case_attention, {4, 4, 40, 65, 2, 1}, 4e-6},
    {"attention, large heads", case_attention, {2, 1, 128, 30, 2, 0}, 4e-6},
    {"attention, larger heads", case_attention, {2, 1, 200, 20, 1, 1}, 4e-6},
    {"attention, one prompt", case_attention, {4, 2, 32, 150, 0, 0}, 4e-6},
    {"attention, wide group", case_attention, {32, 1, 8, 10, 2, 0}, 4e-6},
    {"attention, wider group", case_attention, {40, 1, 8, 10, 2, 0}, 4e-6},
    {"attention, odd heads", case_attention, {3, 1, 10, 70, 2, 0}, 4e-6},
    {"attention, odd heads", case_attention, {3, 1, 10, 70, 2, 1}, 4e-6},
    {"attention, decoding", case_decode, {6, 2, 64, 70, 5, 1}, 4e-6},
    {"attention, decoding", case_decode, {3, 3, 24, 600, 3, 0}, 4e-6},
    {"attention, decoding, many stacks", case_decode, {8, 1, 16, 130, 14, 1}, 4e-6},
    {"head", case_head, {1, 5, 3, 0}, 2e-6},
    {"head", case_head, {9, 600, 20, 0}, 2e-6},
    {"head", case_head, {20, 1100, 12, 1}, 2e-6},
    {"head, two slabs", case_head, {3, 8200, 2, 2}, 2e-6},
    {"head, two chunks", case_head, {1030, 40, 2, 0}, 2e-6},
    {"distribution, plain", case_distribution, {1000, 0}, 2e-6},
    {"distribution, T", case_distribution, {2000, 1}, 2e-6},
    {"distribution, top-k", case_distribution, {3000, 2}, 2e-6},
    {"distribution, T top-p", case_distribution, {1000, 3}, 2e-6},
    {"distribution, all", case_distribution, {2000, 4}, 2e-6},
    {"distribution, min-p", case_distribution, {1000, 5}, 2e-6},
    {"distribution, min-p", case_distribution, {500, 6}, 2e-6},
    {"distribution, greedy", case_distribution, {3000, 7}, 0},
    {"distribution, many", case_distribution, {3000, 8}, 2e-6},
    {"adamw", case_adamw, {1, 1}, 1e-6},
    {"adamw", case_adamw, {5000, 3}, 1e-6},
    {"adamw, from anywhere", case_adamw, {2002, 2, 3}, 1e-6},
};

enum { N_CUDA_CASES = sizeof cuda_cases / sizeof *cuda_cases };

#endif
