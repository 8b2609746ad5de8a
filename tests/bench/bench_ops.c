/* bench_ops.c - operators beside the limits of this machine and OpenBLAS.
 *
 *     bench_ops [-j N] [--seconds S] [--bf16] [--json] [products|backward|attention|passes ...]
 *
 * With one thread the clock is the processor time of the process, so that a
 * busy machine does not matter much; with more it is the wall's.  Medians of rounds in which
 * ours and OpenBLAS take turns.  The limit of a product is the peak of fused
 * multiply-adds, that of a pass over memory the reading bandwidth, both measured first. */
#define _DEFAULT_SOURCE
#include "base/mem.h"
#include "base/opt.h"
#include "compute/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What is needed of OpenBLAS. */
extern void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                        const float *a, int lda, const float *b, int ldb, float beta, float *c,
                        int ldc);
extern void openblas_set_num_threads(int n);
enum { ROW_MAJOR = 101, PLAIN = 111, TURNED = 112 };

enum { ROUNDS = 5, COPIES_BYTES = 64 << 20, COPIES_MAX = 64 };

struct bench {
    struct backend *b;
    bool json;
    size_t threads;
    double seconds;         /* of one measurement */
    double peak, bandwidth; /* flop/s, byte/s */
    double log_sum, n_reports;
};

static double now(const struct bench *x)
{
    struct timespec t;
    clock_gettime(x->threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One thing to measure: call(arg, i) for rising i. */
struct subject {
    void (*call)(void *arg, size_t i);
    void *arg;
};

static double once(const struct bench *x, const struct subject *s)
{
    size_t n = 1;
    for (size_t done = 0;; n *= 2) {
        double start = now(x);
        for (size_t i = 0; i < n; i++)
            s->call(s->arg, done++);
        double took = now(x) - start;
        if (took >= x->seconds)
            return took / (double)n;
    }
}

static int rising(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* Median seconds of one call of each subject, interleaved; NULL subjects are left out. */
static void measure(const struct bench *x, const struct subject *s, size_t n, double *out)
{
    double all[4][ROUNDS];
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < n; i++)
            if (s[i].call)
                all[i][round] = once(x, &s[i]);
    for (size_t i = 0; i < n; i++) {
        qsort(all[i], ROUNDS, sizeof **all, rising);
        out[i] = s[i].call ? all[i][ROUNDS / 2] : 0;
    }
}

/* rate and limit in flop/s or byte/s; other: 0 if there is none. */
static void report(struct bench *x, const char *what, const char *shape, double rate, double limit,
                   const char *unit, double other)
{
    if (x->json) {
        printf("{\"what\":\"%s\",\"shape\":\"%s\",\"%s\":%.4g,\"share\":%.4f", what, shape, unit,
               rate / 1e9, rate / limit);
        if (other > 0)
            printf(",\"openblas\":%.4g", other / 1e9);
        printf("}\n");
    } else {
        printf("%-26s %-24s %8.1f %-8s %5.1f %%", what, shape, rate / 1e9, unit,
               100 * rate / limit);
        if (other > 0)
            printf("   OpenBLAS %7.1f  (%.2fx)", other / 1e9, rate / other);
        printf("\n");
    }
    fflush(stdout);
    x->log_sum += log(rate / limit);
    x->n_reports++;
}

static float *memory(struct bench *x, size_t n, float value)
{
    struct err e = ERR_NONE;
    float *p = x->b->op->alloc(x->b, n * sizeof *p, &e);
    if (!p) {
        fprintf(stderr, "bench_ops: %s\n", e.text);
        exit(e.status);
    }
    for (size_t i = 0; i < n; i++)
        p[i] = value + (float)(i % 17) * 0.01f;
    return p;
}

/* ---- products ---- */

struct product {
    struct bench *x;
    size_t m, n, k, copies;
    struct weight *w[COPIES_MAX], *h[COPIES_MAX]; /* f32, bf16 */
    float *rows, *in, *out, *grad;                /* rows: (copies,n,k) for OpenBLAS */
};

static void f32_call(void *arg, size_t i)
{
    struct product *p = arg;
    p->x->b->op->linear(
        p->x->b, &(struct linear){
                     .w = p->w[i % p->copies], .m = p->m, .x = {p->in, p->k}, .y = {p->out, p->n}});
}

static void bf16_call(void *arg, size_t i)
{
    struct product *p = arg;
    p->x->b->op->linear(
        p->x->b, &(struct linear){
                     .w = p->h[i % p->copies], .m = p->m, .x = {p->in, p->k}, .y = {p->out, p->n}});
}

static void blas_call(void *arg, size_t i)
{
    struct product *p = arg;
    int m = (int)p->m, n = (int)p->n, k = (int)p->k;
    cblas_sgemm(ROW_MAJOR, PLAIN, TURNED, m, n, k, 1, p->in, k,
                p->rows + i % p->copies * p->n * p->k, k, 0, p->out, n);
}

static void dx_call(void *arg, size_t i)
{
    struct product *p = arg;
    p->x->b->op->linear_backward(p->x->b, &(struct linear_grad){.w = p->w[i % p->copies],
                                                                .m = p->m,
                                                                .dy = {p->out, p->n},
                                                                .dx = {p->in, p->k}});
}

static void dx_blas_call(void *arg, size_t i)
{
    struct product *p = arg;
    int m = (int)p->m, n = (int)p->n, k = (int)p->k;
    cblas_sgemm(ROW_MAJOR, PLAIN, PLAIN, m, k, n, 1, p->out, n,
                p->rows + i % p->copies * p->n * p->k, k, 0, p->in, k);
}

static void dw_call(void *arg, size_t i)
{
    struct product *p = arg;
    p->x->b->op->linear_backward(
        p->x->b, &(struct linear_grad){.w = p->w[i % p->copies],
                                       .m = p->m,
                                       .x = {p->in, p->k},
                                       .dy = {p->out, p->n},
                                       .dw = p->grad + i % p->copies * p->n * p->k});
}

static void dw_blas_call(void *arg, size_t i)
{
    struct product *p = arg;
    int m = (int)p->m, n = (int)p->n, k = (int)p->k;
    cblas_sgemm(ROW_MAJOR, TURNED, PLAIN, n, k, m, 1, p->out, n, p->in, k, 1,
                p->grad + i % p->copies * p->n * p->k, k);
}

/* Enough copies of the weights that a model's worth of them does not stay in cache by accident. */
static struct product open_product(struct bench *x, size_t m, size_t n, size_t k,
                                   size_t model_bytes)
{
    struct product p = {.x = x, .m = m, .n = n, .k = k};
    size_t bytes = n * k * sizeof(float);
    struct err e = ERR_NONE;
    p.copies = (model_bytes < COPIES_BYTES ? model_bytes : COPIES_BYTES) / bytes;
    p.copies = p.copies < 1 ? 1 : p.copies > COPIES_MAX ? COPIES_MAX : p.copies;
    p.rows = memory(x, p.copies * n * k, 0.5f);
    p.grad = memory(x, p.copies * n * k, 0.5f);
    p.in = memory(x, m * k, 1);
    p.out = memory(x, m * n, 1);
    for (size_t i = 0; i < p.copies; i++) {
        p.w[i] = x->b->op->weight_new(x->b, ELEM_F32, n, k, &e);
        p.h[i] = x->b->op->weight_new(x->b, ELEM_BF16, n, k, &e);
        x->b->op->weight_load(x->b, p.w[i], 0, n, p.rows);
        x->b->op->weight_load(x->b, p.h[i], 0, n, p.rows);
    }
    return p;
}

static void close_product(struct product *p)
{
    const struct ops *op = p->x->b->op;
    for (size_t i = 0; i < p->copies; i++) {
        op->weight_free(p->x->b, p->w[i]);
        op->weight_free(p->x->b, p->h[i]);
    }
    op->free(p->x->b, p->rows);
    op->free(p->x->b, p->grad);
    op->free(p->x->b, p->in);
    op->free(p->x->b, p->out);
}

/* The matrices of a layer: outputs and inputs. */
static const struct model {
    const char *name;
    size_t layers, matrices[4][2];
} models[] = {
    {"tiny", 4, {{256, 128}, {128, 128}, {688, 128}, {128, 344}}},
    {"small", 8, {{640, 384}, {384, 384}, {2048, 384}, {384, 1024}}},
    {"qwen0.5b", 24, {{1152, 896}, {896, 896}, {9728, 896}, {896, 4864}}},
};
enum { N_MODELS = sizeof models / sizeof *models };

/* Geometric mean over a model's matrices. */
static void bench_model(struct bench *x, const struct model *model, size_t m,
                        const struct subject *calls, size_t n_calls, const char *const *names)
{
    double flops[4] = {0}, total = 0, model_bytes = 0;
    for (size_t i = 0; i < 4; i++)
        model_bytes += (double)(model->layers * model->matrices[i][0] * model->matrices[i][1]) * 4;
    for (size_t i = 0; i < 4; i++) {
        struct product p = open_product(x, m, model->matrices[i][0], model->matrices[i][1],
                                        (size_t)model_bytes / 4);
        struct subject s[4];
        double took[4];
        for (size_t c = 0; c < n_calls; c++)
            s[c] = (struct subject){calls[c].call, &p};
        measure(x, s, n_calls, took);
        for (size_t c = 0; c < n_calls; c++)
            flops[c] += log(2.0 * (double)(p.m * p.n * p.k) / took[c]);
        total++;
        close_product(&p);
    }
    char shape[64];
    snprintf(shape, sizeof shape, "%s M=%zu", model->name, m);
    double blas = exp(flops[n_calls - 1] / total);
    for (size_t c = 0; c + 1 < n_calls; c++)
        report(x, names[c], shape, exp(flops[c] / total), x->peak, "gflops", blas);
}

static void bench_products(struct bench *x)
{
    static const size_t rows[] = {1, 2, 4, 8, 16, 32, 64, 128, 512};
    static const char *const names[] = {"linear f32", "linear bf16 weights"};
    static const struct subject calls[] = {{f32_call, NULL}, {bf16_call, NULL}, {blas_call, NULL}};
    for (size_t i = 0; i < N_MODELS; i++)
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++)
            bench_model(x, &models[i], rows[j], calls, 3, names);
}

static void bench_backward(struct bench *x)
{
    static const size_t rows[] = {256, 2048};
    static const char *const dx[] = {"linear dx"}, *const dw[] = {"linear dw"};
    static const struct subject dx_calls[] = {{dx_call, NULL}, {dx_blas_call, NULL}};
    static const struct subject dw_calls[] = {{dw_call, NULL}, {dw_blas_call, NULL}};
    for (size_t i = 0; i < N_MODELS; i++)
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            bench_model(x, &models[i], rows[j], dx_calls, 2, dx);
            bench_model(x, &models[i], rows[j], dw_calls, 2, dw);
        }
}

/* ---- attention ---- */

struct attention_bench {
    struct bench *x;
    struct kv *kv;
    struct attn_plan *plan;
    struct attn_seq seqs[64];
    int32_t pages[4096];
    size_t heads, kv_heads, d, n_seqs, n_rows;
    float *q, *k, *v, *out, *dq, *dk, *dv, *lse;
    double flops; /* of the forward pass */
};

/* Groups of `samples` with `prompt` keys shared; decode: one row each, else all rows. */
static void open_attention(struct attention_bench *a, size_t groups, size_t samples, size_t prompt,
                           size_t response, bool decode)
{
    struct err e = ERR_NONE;
    size_t used = 0, per_run = (prompt + response) / OPS_KV_BLOCK + 2;
    a->n_seqs = a->n_rows = 0;
    a->flops = 0;
    for (int32_t i = 0; i < 4096; i++)
        a->pages[i] = i;
    for (size_t g = 0; g < groups; g++) {
        struct attn_seq p = {
            .pages = a->pages + used, .n_keys = prompt, .row = a->n_rows, .n_rows = prompt};
        used += per_run;
        if (!decode) {
            a->seqs[a->n_seqs++] = p;
            a->n_rows += prompt;
            a->flops += 2.0 * (double)(prompt * prompt);
        }
        for (size_t s = 0; s < samples; s++, used += per_run) {
            size_t n = decode ? 1 : response;
            a->seqs[a->n_seqs++] = (struct attn_seq){.shared_pages = p.pages,
                                                     .n_shared = prompt,
                                                     .pages = a->pages + used,
                                                     .n_keys = response,
                                                     .row = a->n_rows,
                                                     .n_rows = n,
                                                     .shared_row = p.row};
            a->n_rows += n;
            a->flops += 4.0 * (double)(n * prompt) +
                        (decode ? 4.0 * (double)response : 2.0 * (double)(n * n));
        }
    }
    a->flops *= (double)(a->heads * a->d);
    a->kv = a->x->b->op->kv_new(a->x->b, ELEM_F32, 1, used, a->kv_heads, a->d, &e);
    a->plan = a->x->b->op->plan_new(
        a->x->b, &(struct plan_size){a->heads, a->kv_heads, a->n_rows, a->n_seqs, 2 * used}, &e);
    a->x->b->op->plan_set(a->x->b, a->plan, a->seqs, a->n_seqs);
    a->q = memory(a->x, a->n_rows * a->heads * a->d, 0);
    a->out = memory(a->x, a->n_rows * a->heads * a->d, 0);
    a->dq = memory(a->x, a->n_rows * a->heads * a->d, 0);
    a->k = memory(a->x, a->n_rows * a->kv_heads * a->d, 0);
    a->v = memory(a->x, a->n_rows * a->kv_heads * a->d, 0);
    a->dk = memory(a->x, a->n_rows * a->kv_heads * a->d, 0);
    a->dv = memory(a->x, a->n_rows * a->kv_heads * a->d, 0);
    a->lse = memory(a->x, a->n_rows * a->heads, 0);
}

static void close_attention(struct attention_bench *a)
{
    const struct ops *op = a->x->b->op;
    float *const all[] = {a->q, a->out, a->dq, a->k, a->v, a->dk, a->dv, a->lse};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        op->free(a->x->b, all[i]);
    op->kv_free(a->x->b, a->kv);
    op->plan_free(a->x->b, a->plan);
}

static void attention_call(void *arg, size_t i)
{
    (void)i;
    struct attention_bench *a = arg;
    size_t q = a->heads * a->d, kv = a->kv_heads * a->d;
    a->x->b->op->kv_write(
        a->x->b,
        &(struct kv_write){.kv = a->kv, .plan = a->plan, .k = {a->k, kv}, .v = {a->v, kv}});
    a->x->b->op->attention(a->x->b, &(struct attention){.kv = a->kv,
                                                        .plan = a->plan,
                                                        .q = {a->q, q},
                                                        .out = {a->out, q},
                                                        .lse = a->lse,
                                                        .scale = 0.125f});
}

static void attention_grad_call(void *arg, size_t i)
{
    (void)i;
    struct attention_bench *a = arg;
    size_t q = a->heads * a->d, kv = a->kv_heads * a->d;
    a->x->b->op->attention_backward(a->x->b, &(struct attention_grad){.kv = a->kv,
                                                                      .plan = a->plan,
                                                                      .q = {a->q, q},
                                                                      .out = {a->out, q},
                                                                      .dout = {a->q, q},
                                                                      .lse = a->lse,
                                                                      .dq = {a->dq, q},
                                                                      .dk = {a->dk, kv},
                                                                      .dv = {a->dv, kv},
                                                                      .scale = 0.125f});
}

static void bench_attention(struct bench *x)
{
    static const struct {
        const char *name;
        size_t heads, kv_heads, d;
    } kinds[] = {{"tiny", 4, 2, 32}, {"small", 6, 2, 64}, {"qwen0.5b", 14, 2, 64}};
    static const size_t lengths[][2] = {{64, 32}, {256, 32}, {256, 128}};
    struct attention_bench a = {.x = x};
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) {
            char shape[64];
            double took[2];
            a.heads = kinds[i].heads, a.kv_heads = kinds[i].kv_heads, a.d = kinds[i].d;
            snprintf(shape, sizeof shape, "%s 4x8 %zu+%zu", kinds[i].name, lengths[j][0],
                     lengths[j][1]);
            open_attention(&a, 4, 8, lengths[j][0], lengths[j][1], true);
            struct subject s[] = {{attention_call, &a}, {attention_grad_call, &a}};
            measure(x, s, 1, took);
            report(x, "attention decode", shape, a.flops / took[0], x->peak, "gflops", 0);
            close_attention(&a);
            open_attention(&a, 2, 8, lengths[j][0], lengths[j][1], false);
            snprintf(shape, sizeof shape, "%s 2x8 %zu+%zu", kinds[i].name, lengths[j][0],
                     lengths[j][1]);
            attention_call(&a, 0);
            measure(x, s, 2, took);
            report(x, "attention train", shape, a.flops / took[0], x->peak, "gflops", 0);
            report(x, "attention backward", shape, 2.5 * a.flops / took[1], x->peak, "gflops", 0);
            close_attention(&a);
        }
}

/* ---- passes over memory, head, sampling ---- */

struct pass {
    struct bench *x;
    size_t m, c, v;
    float *a, *b, *p, *g, *w, *dw;
    struct weight *head;
    struct sample_row *rows;
    struct sample_out *out;
    struct head_target *targets;
    struct head_row *kept;
    float *logp;
    double *dlogp;
};

static void norm_call(void *arg, size_t i)
{
    (void)i;
    struct pass *s = arg;
    s->x->b->op->norm(s->x->b, &(struct norm){.m = s->m,
                                              .heads = 1,
                                              .c = s->c,
                                              .x = {s->a, s->c},
                                              .y = {s->b, s->c},
                                              .w = s->w,
                                              .eps = 1e-6f});
}

static void norm_grad_call(void *arg, size_t i)
{
    (void)i;
    struct pass *s = arg;
    s->x->b->op->norm_backward(s->x->b, &(struct norm_grad){.m = s->m,
                                                            .heads = 1,
                                                            .c = s->c,
                                                            .x = {s->a, s->c},
                                                            .dy = {s->b, s->c},
                                                            .dx = {s->p, s->c},
                                                            .add_dx = true,
                                                            .w = s->w,
                                                            .dw = s->dw,
                                                            .eps = 1e-6f});
}

static void swiglu_call(void *arg, size_t i)
{
    (void)i;
    struct pass *s = arg;
    s->x->b->op->swiglu(
        s->x->b,
        &(struct swiglu){.m = s->m / 2, .f = s->c, .gu = {s->a, 2 * s->c}, .y = {s->b, s->c}});
}

static void swiglu_grad_call(void *arg, size_t i)
{
    (void)i;
    struct pass *s = arg;
    s->x->b->op->swiglu_backward(s->x->b, &(struct swiglu_grad){.m = s->m / 2,
                                                                .f = s->c,
                                                                .gu = {s->a, 2 * s->c},
                                                                .dy = {s->b, s->c},
                                                                .dgu = {s->p, 2 * s->c}});
}

static void adamw_call(void *arg, size_t i)
{
    struct pass *s = arg;
    s->x->b->op->adamw(s->x->b, &(struct adamw){.n = s->m * s->c,
                                                .p = s->p,
                                                .g = s->g,
                                                .m = s->a,
                                                .v = s->b,
                                                .lr = 1e-4,
                                                .beta1 = 0.9,
                                                .beta2 = 0.999,
                                                .eps = 1e-8,
                                                .grad_scale = 1,
                                                .step = i + 1});
}

static void dot_call(void *arg, size_t i)
{
    (void)i;
    struct pass *s = arg;
    s->x->b->op->dot(s->x->b, s->a, s->b, s->m * s->c);
}

static void sample_call(void *arg, size_t i)
{
    (void)i;
    struct pass *s = arg;
    s->x->b->op->sample(
        s->x->b, &(struct sample){
                     .m = 32, .v = s->v, .logits = {s->a, s->v}, .rows = s->rows, .out = s->out});
}

static void head_call(void *arg, size_t i)
{
    (void)i;
    struct pass *s = arg;
    s->x->b->op->head(s->x->b, &(struct head){.w = s->head,
                                              .m = 512,
                                              .x = {s->b, 384},
                                              .targets = s->targets,
                                              .n_targets = 512,
                                              .logp = s->logp,
                                              .rows = s->kept});
}

static void head_grad_call(void *arg, size_t i)
{
    (void)i;
    struct pass *s = arg;
    s->x->b->op->head_backward(s->x->b, &(struct head_grad){.w = s->head,
                                                            .m = 512,
                                                            .x = {s->b, 384},
                                                            .targets = s->targets,
                                                            .n_targets = 512,
                                                            .rows = s->kept,
                                                            .dlogp = s->dlogp,
                                                            .dx = {s->p, 384},
                                                            .dw = s->g});
}

static void bench_pass(struct bench *x, struct pass *s, const char *name, const char *shape,
                       void (*call)(void *, size_t), double work, double limit, const char *unit)
{
    double took;
    measure(x, &(struct subject){call, s}, 1, &took);
    report(x, name, shape, work / took, limit, unit, 0);
}

static void bench_passes(struct bench *x)
{
    struct err e = ERR_NONE;
    struct pass s = {.x = x, .m = 2048, .c = 4864, .v = 151936};
    size_t n = s.m * s.c;
    s.a = memory(x, n, 0), s.b = memory(x, n, 0), s.p = memory(x, n, 0), s.g = memory(x, n, 0);
    s.w = memory(x, s.c, 1), s.dw = memory(x, s.c, 0);
    s.rows = xcalloc(512, sizeof *s.rows), s.out = xcalloc(512, sizeof *s.out);
    s.targets = xcalloc(512, sizeof *s.targets), s.kept = xcalloc(512, sizeof *s.kept);
    s.logp = xcalloc(512, sizeof *s.logp), s.dlogp = xcalloc(512, sizeof *s.dlogp);
    for (size_t i = 0; i < 512; i++) {
        s.rows[i] = (struct sample_row){1, 1, 0, 1, 0, (int32_t)s.v, (double)i / 512, NULL, 0};
        s.targets[i] = (struct head_target){(int32_t)i, (int32_t)i};
        s.dlogp[i] = 1;
    }
    double bytes = (double)n * 4;
    bench_pass(x, &s, "norm", "2048x4864", norm_call, 2 * bytes, x->bandwidth, "gbytes");
    bench_pass(x, &s, "norm backward", "2048x4864", norm_grad_call, 4 * bytes, x->bandwidth,
               "gbytes");
    bench_pass(x, &s, "swiglu", "1024x4864", swiglu_call, 1.5 * bytes, x->bandwidth, "gbytes");
    bench_pass(x, &s, "swiglu backward", "1024x4864", swiglu_grad_call, 2.5 * bytes, x->bandwidth,
               "gbytes");
    bench_pass(x, &s, "adamw", "10 M", adamw_call, 7 * bytes, x->bandwidth, "gbytes");
    bench_pass(x, &s, "dot", "10 M", dot_call, 2 * bytes, x->bandwidth, "gbytes");
    bench_pass(x, &s, "sample", "32x151936 T=1", sample_call, 32.0 * (double)s.v * 4, x->bandwidth,
               "gbytes");
    for (size_t i = 0; i < 32; i++)
        s.rows[i].temperature = 0.7, s.rows[i].top_p = 0.9;
    bench_pass(x, &s, "sample", "32x151936 T=.7 p=.9", sample_call, 32.0 * (double)s.v * 4,
               x->bandwidth, "gbytes");
    for (size_t i = 0; i < 32; i++)
        s.rows[i].top_k = 20;
    bench_pass(x, &s, "sample", "32x151936 k=20 p=.9", sample_call, 32.0 * (double)s.v * 4,
               x->bandwidth, "gbytes");
    s.head = x->b->op->weight_new(x->b, ELEM_F32, 4096, 384, &e);
    double flops = 2.0 * 512 * 4096 * 384;
    bench_pass(x, &s, "head", "512x4096x384", head_call, flops, x->peak, "gflops");
    bench_pass(x, &s, "head backward", "512x4096x384", head_grad_call, 3 * flops, x->peak,
               "gflops");
    x->b->op->weight_free(x->b, s.head);
    float *const all[] = {s.a, s.b, s.p, s.g, s.w, s.dw};
    for (size_t i = 0; i < 6; i++)
        x->b->op->free(x->b, all[i]);
    free(s.rows), free(s.out), free(s.targets), free(s.kept), free(s.logp), free(s.dlogp);
}

/* ---- limits ---- */

static void measure_limits(struct bench *x)
{
    enum { BYTES = 256 << 20 };
    struct pass s = {.x = x, .m = BYTES / 8 / 1024, .c = 1024};
    s.a = memory(x, s.m * s.c, 0), s.b = memory(x, s.m * s.c, 0);
    double took;
    measure(x, &(struct subject){dot_call, &s}, 1, &took);
    x->bandwidth = BYTES / took;
    x->peak = 0;
    for (int i = 0; i < 10; i++) {
        double peak = x->b->op->peak_flops(x->b);
        x->peak = peak > x->peak ? peak : x->peak;
    }
    x->b->op->free(x->b, s.a);
    x->b->op->free(x->b, s.b);
    if (x->json)
        printf("{\"what\":\"limits\",\"device\":\"%s\",\"threads\":%zu,\"peak_gflops\":%.5g,"
               "\"read_gbytes\":%.4g}\n",
               x->b->name, x->threads, x->peak / 1e9, x->bandwidth / 1e9);
    else
        printf("%s, %zu threads: %.1f GFLOP/s at most, reading %.1f GB/s\n", x->b->name, x->threads,
               x->peak / 1e9, x->bandwidth / 1e9);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(struct bench *);
    } parts[] = {{"products", bench_products},
                 {"backward", bench_backward},
                 {"attention", bench_attention},
                 {"passes", bench_passes}};
    enum { N_PARTS = sizeof parts / sizeof *parts };
    struct bench x = {.threads = 1};
    uint64_t threads = 1;
    double seconds = 0.02;
    bool bf16 = false;
    struct opt opts[] = {OPT_COUNT('j', "threads", "N", &threads, 1, 1024, "threads"),
                         OPT_REAL(0, "seconds", "S", &seconds, 0.001, 10, "of one measurement"),
                         OPT_SWITCH(0, "bf16", &bf16, "bf16 dot products"),
                         OPT_SWITCH(0, "json", &x.json, "one JSON object for each line"), OPT_END};
    char **names =
        opt_parse(argc, argv,
                  &(struct opt_spec){.operands = "[products|backward|attention|passes ...]",
                                     .summary = "measure operators",
                                     .opts = opts});
    x.threads = (size_t)threads;
    x.seconds = seconds;
    struct err e = ERR_NONE;
    x.b = backend_open(
        &(struct backend_options){.threads = x.threads,
                                  .precision = bf16 ? PRECISION_BF16 : PRECISION_EXACT},
        &e);
    const struct op_limits limits = {.rows = 4096,
                                     .width = 9728,
                                     .head_dim = 64,
                                     .n_heads = 14,
                                     .n_kv_heads = 2,
                                     .keys = 4096,
                                     .vocab = 151936,
                                     .hidden = 896,
                                     .head_rows = 512,
                                     .train = true};
    if (!x.b || !x.b->op->reserve(x.b, &limits, &e)) {
        fprintf(stderr, "bench_ops: %s\n", e.text);
        return e.status;
    }
    openblas_set_num_threads((int)x.threads);
    measure_limits(&x);
    for (size_t i = 0; i < N_PARTS; i++) {
        bool wanted = !names[0];
        for (char **n = names; *n; n++)
            wanted |= strcmp(*n, parts[i].name) == 0;
        if (wanted)
            parts[i].fn(&x);
    }
    backend_close(x.b);
    return 0;
}
