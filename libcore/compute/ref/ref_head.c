/* ref_head.c - the head and sampling, one row at a time. */
#include "base/mem.h"
#include "compute/ref/ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* As linear() would give them, so that sample() and head() agree to the bit here too. */
static void row_logits(struct backend *b, const struct weight *w, const float *x, double *z)
{
    for (size_t j = 0; j < w->n; j++) {
        double s = 0;
        for (size_t k = 0; k < w->k; k++)
            s += (double)ref_seen(b, x[k]) * (double)ref_seen(b, w->rows[j * w->k + k]);
        z[j] = (double)(float)s;
    }
}

static double log_sum_exp(const double *z, size_t n)
{
    double max = -HUGE_VAL, sum = 0;
    for (size_t j = 0; j < n; j++)
        max = fmax(max, z[j]);
    for (size_t j = 0; j < n; j++)
        sum += exp(z[j] - max);
    return max + log(sum);
}

void ref_head(struct backend *b, const struct head *a)
{
    double *z = xcalloc(a->w->n, sizeof *z);
    size_t t = 0;
    for (size_t m = 0; m < a->m; m++) {
        row_logits(b, a->w, a->x.p + m * a->x.stride, z);
        double lse = log_sum_exp(z, a->w->n), mean = 0;
        a->rows[m].lse = lse;
        for (size_t j = 0; a->entropy && j < a->w->n; j++)
            mean += exp(z[j] - lse) * z[j];
        if (a->entropy)
            a->rows[m].entropy = lse - mean;
        for (; t < a->n_targets && (size_t)a->targets[t].row == m; t++)
            a->logp[t] = (float)(z[a->targets[t].id] - lse);
    }
    ASSERT(t == a->n_targets);
    free(z);
}

/* dz from z, in place. */
static size_t row_gradient(const struct head_grad *a, size_t m, size_t t, double *z)
{
    double dlogp = 0, dentropy = 0;
    size_t first = t;
    for (; t < a->n_targets && (size_t)a->targets[t].row == m; t++) {
        dlogp += a->dlogp[t];
        dentropy += a->dentropy ? a->dentropy[t] : 0;
    }
    for (size_t j = 0; j < a->w->n; j++) {
        double logp = z[j] - a->rows[m].lse, p = exp(logp);
        z[j] = -dlogp * p;
        if (dentropy != 0)
            z[j] -= dentropy * p * (logp + a->rows[m].entropy);
    }
    for (size_t i = first; i < t; i++)
        z[a->targets[i].id] += a->dlogp[i];
    return t;
}

void ref_head_backward(struct backend *b, const struct head_grad *a)
{
    size_t n = a->w->n, c = a->w->k, t = 0;
    double *z = xcalloc(n, sizeof *z), *dx = xcalloc(c, sizeof *dx);
    double *dw = xcalloc(n * c, sizeof *dw);
    for (size_t m = 0; m < a->m; m++) {
        const float *x = a->x.p + m * a->x.stride;
        row_logits(b, a->w, x, z);
        t = row_gradient(a, m, t, z);
        memset(dx, 0, c * sizeof *dx);
        for (size_t j = 0; j < n; j++) {
            double seen = (double)ref_seen(b, (float)z[j]);
            for (size_t k = 0; k < c; k++) {
                dx[k] += seen * (double)ref_seen(b, a->w->rows[j * c + k]);
                dw[j * c + k] += seen * (double)ref_seen(b, x[k]);
            }
        }
        for (size_t k = 0; k < c; k++)
            a->dx.p[m * a->dx.stride + k] = (float)dx[k];
    }
    ASSERT(t == a->n_targets);
    for (size_t i = 0; a->dw && i < n * c; i++)
        a->dw[i] = (float)((double)a->dw[i] + dw[i]);
    free(dw);
    free(dx);
    free(z);
}

struct ranked {
    double z;
    size_t id;
};

static int falling(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->z != y->z ? (x->z < y->z) - (x->z > y->z) : (x->id > y->id) - (x->id < y->id);
}

/* Steps 1 and 2: n candidates in falling order.  Temperature 0 leaves one. */
static size_t candidates(const float *logits, size_t v, const struct sample_row *o,
                         struct ranked *c)
{
    size_t n = (size_t)o->limit < v ? (size_t)o->limit : v;
    bool *seen = xcalloc(n, sizeof *seen);
    for (size_t i = 0; i < o->n_seen; i++)
        if ((size_t)o->seen[i] < n)
            seen[o->seen[i]] = true;
    for (size_t j = 0; j < n; j++) {
        double z = (double)logits[j];
        if (seen[j])
            z = z < 0 ? z * o->penalty : z / o->penalty;
        c[j] = (struct ranked){o->temperature > 0 ? z / o->temperature : z, j};
    }
    free(seen);
    qsort(c, n, sizeof *c, falling);
    return o->temperature > 0 ? n : 1;
}

void ref_distribution(struct backend *b, const float *logits, size_t v, const struct sample_row *o,
                      double *p)
{
    (void)b;
    struct ranked *c = xcalloc(v, sizeof *c);
    size_t n = candidates(logits, v, o, c);
    if (o->top_k > 0 && (size_t)o->top_k < n) {
        double kth = c[o->top_k - 1].z;
        for (n = (size_t)o->top_k; n < v && c[n].z == kth && n < (size_t)o->limit; n++)
            ;
    }
    double sum = 0, cumulated = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp(c[i].z - c[0].z);
    if (o->top_p < 1) {
        size_t kept = 0;
        while (kept < n && (kept == 0 || cumulated < o->top_p * sum))
            cumulated += exp(c[kept++].z - c[0].z);
        n = kept;
        sum = cumulated;
    }
    if (o->min_p > 0) {
        double left = 0;
        size_t kept = 0;
        while (kept < n && exp(c[kept].z - c[0].z) >= o->min_p)
            left += exp(c[kept++].z - c[0].z);
        n = kept;
        sum = left;
    }
    memset(p, 0, v * sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[c[i].id] = exp(c[i].z - c[0].z) / sum;
    free(c);
}

void ref_sample(struct backend *b, const struct sample *a)
{
    double *p = xcalloc(a->v, sizeof *p), *z = xcalloc(a->v, sizeof *z);
    for (size_t m = 0; m < a->m; m++) {
        const float *logits = a->logits.p + m * a->logits.stride;
        ref_distribution(b, logits, a->v, &a->rows[m], p);
        double cumulated = 0;
        size_t id = 0, last = 0;
        for (id = 0; id < a->v; id++) {
            if (p[id] > 0)
                last = id;
            if ((cumulated += p[id]) > a->rows[m].u)
                break;
        }
        a->out[m].id = (int32_t)(id < a->v ? id : last);
        for (size_t j = 0; j < a->v; j++)
            z[j] = (double)logits[j];
        a->out[m].logp = (float)((double)logits[a->out[m].id] - log_sum_exp(z, a->v));
    }
    free(z);
    free(p);
}
