/* ref_attention.c - attention as a softmax over all visible keys. */
#include "base/mem.h"
#include "compute/elem.h"
#include "compute/ref/ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A page of a layer: [64 positions][keys, values][G * D]. */
struct kv {
    enum elem type;
    size_t n_layers, n_pages, n_heads, d;
    float *data;
};

struct attn_plan {
    size_t n_heads;
    struct host_seqs s;
};

size_t ref_kv_page_bytes(struct backend *b, enum elem type, size_t n_layers, size_t n_kv_heads,
                         size_t head_dim)
{
    (void)b, (void)type;
    return n_layers * OPS_KV_BLOCK * 2 * n_kv_heads * head_dim * sizeof(float);
}

struct kv *ref_kv_new(struct backend *b, enum elem type, size_t n_layers, size_t n_pages,
                      size_t n_kv_heads, size_t head_dim, struct err *e)
{
    size_t bytes = n_pages * ref_kv_page_bytes(b, type, n_layers, n_kv_heads, head_dim);
    float *data = host_alloc(b, bytes, e);
    if (!data)
        return NULL;
    struct kv *kv = xmalloc(sizeof *kv);
    *kv = (struct kv){type, n_layers, n_pages, n_kv_heads, head_dim, data};
    return kv;
}

void ref_kv_free(struct backend *b, struct kv *kv)
{
    if (!kv)
        return;
    host_free(b, kv->data);
    free(kv);
}

struct attn_plan *ref_plan_new(struct backend *b, const struct plan_size *size, struct err *e)
{
    (void)b;
    struct attn_plan *plan = xcalloc(1, sizeof *plan);
    plan->n_heads = size->n_heads;
    if (host_seqs_init(&plan->s, size, e))
        return plan;
    free(plan);
    return NULL;
}

void ref_plan_free(struct backend *b, struct attn_plan *plan)
{
    (void)b;
    if (plan)
        host_seqs_free(&plan->s);
    free(plan);
}

void ref_plan_set(struct backend *b, struct attn_plan *plan, const struct attn_seq *seqs,
                  size_t n_seqs)
{
    (void)b;
    host_seqs_set(&plan->s, seqs, n_seqs);
}

static float *key_at(const struct kv *kv, size_t layer, const int32_t *pages, size_t position)
{
    size_t page = (size_t)pages[position / OPS_KV_BLOCK];
    ASSERT(page < kv->n_pages && layer < kv->n_layers);
    return kv->data + ((layer * kv->n_pages + page) * OPS_KV_BLOCK + position % OPS_KV_BLOCK) * 2 *
                          kv->n_heads * kv->d;
}

static float *value_at(const struct kv *kv, size_t layer, const int32_t *pages, size_t position)
{
    return key_at(kv, layer, pages, position) + kv->n_heads * kv->d;
}

void ref_kv_write(struct backend *b, const struct kv_write *a)
{
    (void)b;
    const struct kv *kv = a->kv;
    for (size_t i = 0; i < a->plan->s.n; i++) {
        const struct attn_seq *s = &a->plan->s.seqs[i];
        for (size_t r = 0; r < s->n_rows; r++) {
            size_t position = s->n_keys - s->n_rows + r;
            const float *k = a->k.p + (s->row + r) * a->k.stride;
            const float *v = a->v.p + (s->row + r) * a->v.stride;
            for (size_t j = 0; j < kv->n_heads * kv->d; j++) {
                key_at(kv, a->layer, s->pages, position)[j] =
                    kv->type == ELEM_BF16 ? round_bf16(k[j]) : k[j];
                value_at(kv, a->layer, s->pages, position)[j] =
                    kv->type == ELEM_BF16 ? round_bf16(v[j]) : v[j];
            }
        }
    }
}

static double dot(const float *a, const float *b, size_t n)
{
    double s = 0;
    for (size_t i = 0; i < n; i++)
        s += (double)a[i] * (double)b[i];
    return s;
}

/* One row's view of a head: key and value of the j-th visible position. */
struct view {
    const struct kv *kv;
    size_t layer, head;
    const struct attn_seq *s;
};

static const float *visible(const struct view *w, size_t j, bool value)
{
    const struct attn_seq *s = w->s;
    const int32_t *pages = j < s->n_shared ? s->shared_pages : s->pages;
    size_t position = j < s->n_shared ? j : j - s->n_shared;
    return (value ? value_at : key_at)(w->kv, w->layer, pages, position) + w->head * w->kv->d;
}

static void attend(const struct view *w, const float *q, size_t n, double scale, double *p,
                   float *out, float *lse)
{
    double max = -HUGE_VAL, sum = 0;
    for (size_t j = 0; j < n; j++) {
        p[j] = scale * dot(q, visible(w, j, false), w->kv->d);
        max = fmax(max, p[j]);
    }
    for (size_t j = 0; j < n; j++)
        sum += p[j] = exp(p[j] - max);
    for (size_t d = 0; d < w->kv->d; d++) {
        double o = 0;
        for (size_t j = 0; j < n; j++)
            o += p[j] * (double)visible(w, j, true)[d];
        out[d] = (float)(o / sum);
    }
    if (lse)
        *lse = (float)(max + log(sum));
}

void ref_attention(struct backend *b, const struct attention *a)
{
    (void)b;
    size_t group = a->plan->n_heads / a->kv->n_heads, dim = a->kv->d;
    for (size_t i = 0; i < a->plan->s.n; i++) {
        const struct attn_seq *s = &a->plan->s.seqs[i];
        double *p = xcalloc(s->n_shared + s->n_keys, sizeof *p);
        float *q = xcalloc(dim, sizeof *q);
        for (size_t r = 0; r < s->n_rows; r++)
            for (size_t h = 0; h < a->plan->n_heads; h++) {
                struct view w = {a->kv, a->layer, h / group, s};
                size_t row = s->row + r, n = s->n_shared + s->n_keys - s->n_rows + r + 1;
                memcpy(q, a->q.p + row * a->q.stride + h * dim, dim * sizeof *q);
                attend(&w, q, n, (double)a->scale, p, a->out.p + row * a->out.stride + h * dim,
                       a->lse ? &a->lse[row * a->plan->n_heads + h] : NULL);
            }
        free(q);
        free(p);
    }
}

/* Sums in double over all the rows: (M, H D), (M, G D), (M, G D). */
struct sums {
    double *dq, *dk, *dv;
};

static void attend_backward(const struct attention_grad *a, const struct view *w, size_t row,
                            size_t h, size_t n, const struct sums *g)
{
    size_t dim = w->kv->d, kv_width = w->kv->n_heads * dim;
    const float *q = a->q.p + row * a->q.stride + h * dim;
    const float *out = a->out.p + row * a->out.stride + h * dim;
    const float *dout = a->dout.p + row * a->dout.stride + h * dim;
    double *dq = g->dq + (row * a->plan->n_heads + h) * dim,
           lse = (double)a->lse[row * a->plan->n_heads + h];
    double d_row = dot(dout, out, dim), scale = (double)a->scale;
    for (size_t j = 0; j < n; j++) {
        const float *k = visible(w, j, false), *v = visible(w, j, true);
        size_t key_row = j < w->s->n_shared ? w->s->shared_row + j : w->s->row + j - w->s->n_shared;
        double *dk = g->dk + key_row * kv_width + w->head * dim;
        double *dv = g->dv + key_row * kv_width + w->head * dim;
        double p = exp(scale * dot(q, k, dim) - lse), ds = p * (dot(dout, v, dim) - d_row);
        for (size_t d = 0; d < dim; d++) {
            dq[d] += scale * ds * (double)k[d];
            dk[d] += scale * ds * (double)q[d];
            dv[d] += p * (double)dout[d];
        }
    }
}

static void store(struct rows to, const double *from, size_t row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to.p[row * to.stride + i] = (float)from[row * n + i];
}

void ref_attention_backward(struct backend *b, const struct attention_grad *a)
{
    (void)b;
    const struct host_seqs *plan = &a->plan->s;
    if (plan->n == 0)
        return;
    const struct attn_seq *last = &plan->seqs[plan->n - 1];
    size_t rows = last->row + last->n_rows, dim = a->kv->d, kv_width = a->kv->n_heads * dim;
    struct sums g = {xcalloc(rows * a->plan->n_heads * dim, sizeof(double)),
                     xcalloc(rows * kv_width, sizeof(double)),
                     xcalloc(rows * kv_width, sizeof(double))};
    for (size_t i = 0; i < plan->n; i++) {
        const struct attn_seq *s = &plan->seqs[i];
        for (size_t r = 0; r < s->n_rows; r++)
            for (size_t h = 0; h < a->plan->n_heads; h++) {
                struct view w = {a->kv, a->layer, h / (a->plan->n_heads / a->kv->n_heads), s};
                attend_backward(a, &w, s->row + r, h, s->n_shared + r + 1, &g);
            }
    }
    for (size_t i = 0; i < plan->n; i++)
        for (size_t r = 0; r < plan->seqs[i].n_rows; r++) {
            size_t row = plan->seqs[i].row + r;
            store(a->dq, g.dq, row, a->plan->n_heads * dim);
            store(a->dk, g.dk, row, kv_width);
            store(a->dv, g.dv, row, kv_width);
        }
    free(g.dq);
    free(g.dk);
    free(g.dv);
}
