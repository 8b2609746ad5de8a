/* ref_rows.c - products and everything that works row by row. */
#include "base/mem.h"
#include "compute/ref/ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *row_of(struct rows r, size_t m)
{
    return r.p + m * r.stride;
}

void ref_linear(struct backend *b, const struct linear *a)
{
    for (size_t m = 0; m < a->m; m++) {
        const float *x = row_of(a->x, m);
        for (size_t n = 0; n < a->w->n; n++) {
            const float *w = a->w->rows + n * a->w->k;
            double s = 0;
            for (size_t k = 0; k < a->w->k; k++)
                s += (double)ref_seen(b, x[k]) * (double)ref_seen(b, w[k]);
            if (a->bias)
                s += (double)a->bias[n];
            if (a->residual.p)
                s += (double)row_of(a->residual, m)[n];
            row_of(a->y, m)[n] = (float)s;
        }
    }
}

static void weight_gradient(struct backend *b, const struct linear_grad *a)
{
    size_t n_in = a->w->k;
    for (size_t n = 0; n < a->w->n; n++) {
        double bias = 0;
        for (size_t m = 0; m < a->m; m++)
            bias += (double)row_of(a->dy, m)[n];
        if (a->db)
            a->db[n] = (float)((double)a->db[n] + bias);
        for (size_t k = 0; a->dw && k < n_in; k++) {
            double s = 0;
            for (size_t m = 0; m < a->m; m++)
                s += (double)ref_seen(b, row_of(a->dy, m)[n]) *
                     (double)ref_seen(b, row_of(a->x, m)[k]);
            a->dw[n * n_in + k] = (float)((double)a->dw[n * n_in + k] + s);
        }
    }
}

void ref_linear_backward(struct backend *b, const struct linear_grad *a)
{
    weight_gradient(b, a);
    for (size_t m = 0; a->dx.p && m < a->m; m++)
        for (size_t k = 0; k < a->w->k; k++) {
            double s = a->add_dx ? (double)row_of(a->dx, m)[k] : 0;
            for (size_t n = 0; n < a->w->n; n++)
                s += (double)ref_seen(b, row_of(a->dy, m)[n]) *
                     (double)ref_seen(b, a->w->rows[n * a->w->k + k]);
            row_of(a->dx, m)[k] = (float)s;
        }
}

void ref_embed(struct backend *b, const struct weight *w, const int32_t *ids, size_t m,
               struct rows y)
{
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < w->k; k++)
            row_of(y, i)[k] = ref_seen(b, w->rows[(size_t)ids[i] * w->k + k]);
}

void ref_embed_backward(struct backend *b, float *dw, size_t c, const int32_t *ids, size_t m,
                        struct rows dy)
{
    (void)b;
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < c; k++)
            dw[(size_t)ids[i] * c + k] += row_of(dy, i)[k];
}

void ref_gather(struct backend *b, struct rows y, struct rows x, const int32_t *index, size_t m,
                size_t c)
{
    (void)b;
    for (size_t i = 0; i < m; i++)
        memcpy(row_of(y, i), row_of(x, (size_t)index[i]), c * sizeof(float));
}

void ref_scatter_add(struct backend *b, struct rows x, struct rows y, const int32_t *index,
                     size_t m, size_t c)
{
    (void)b;
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < c; k++)
            row_of(x, (size_t)index[i])[k] += row_of(y, i)[k];
}

void ref_add(struct backend *b, float *y, const float *x, size_t n)
{
    (void)b;
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static double inverse_rms(const float *x, size_t c, float eps)
{
    double s = 0;
    for (size_t i = 0; i < c; i++)
        s += (double)x[i] * (double)x[i];
    return 1 / sqrt(s / (double)c + (double)eps);
}

void ref_norm(struct backend *b, const struct norm *a)
{
    (void)b;
    for (size_t m = 0; m < a->m; m++)
        for (size_t h = 0; h < a->heads; h++) {
            const float *x = row_of(a->x, m) + h * a->c;
            float *y = row_of(a->y, m) + h * a->c;
            double r = inverse_rms(x, a->c, a->eps);
            for (size_t i = 0; i < a->c; i++)
                y[i] = (float)((double)x[i] * r * (double)a->w[i]);
        }
}

void ref_norm_backward(struct backend *b, const struct norm_grad *a)
{
    (void)b;
    double *dw = xcalloc(a->c, sizeof *dw);
    for (size_t m = 0; m < a->m; m++)
        for (size_t h = 0; h < a->heads; h++) {
            const float *x = row_of(a->x, m) + h * a->c, *dy = row_of(a->dy, m) + h * a->c;
            float *dx = row_of(a->dx, m) + h * a->c;
            double r = inverse_rms(x, a->c, a->eps), s = 0;
            for (size_t i = 0; i < a->c; i++)
                s += (double)x[i] * (double)a->w[i] * (double)dy[i];
            s /= (double)a->c;
            for (size_t i = 0; i < a->c; i++) {
                double xi = (double)x[i], d = (double)dy[i];
                dw[i] += d * xi * r;
                d = r * (double)a->w[i] * d - xi * r * r * r * s;
                dx[i] = (float)(d + (a->add_dx ? (double)dx[i] : 0));
            }
        }
    for (size_t i = 0; a->dw && i < a->c; i++)
        a->dw[i] = (float)((double)a->dw[i] + dw[i]);
    free(dw);
}

void ref_rope(struct backend *b, const struct rope_args *a)
{
    (void)b;
    size_t half = a->rot / 2;
    for (size_t m = 0; m < a->m; m++)
        for (size_t h = 0; h < a->heads; h++) {
            float *x = row_of(a->x, m) + h * a->d;
            for (size_t i = 0; i < half; i++) {
                double c = (double)a->cos[(size_t)a->pos[m] * half + i];
                double s = (double)a->sin[(size_t)a->pos[m] * half + i];
                double lo = (double)x[i], hi = (double)x[half + i];
                if (a->inverse)
                    s = -s;
                x[i] = (float)(lo * c - hi * s);
                x[half + i] = (float)(hi * c + lo * s);
            }
        }
}

void ref_swiglu(struct backend *b, const struct swiglu *a)
{
    (void)b;
    for (size_t m = 0; m < a->m; m++)
        for (size_t i = 0; i < a->f; i++) {
            double g = (double)row_of(a->gu, m)[i], u = (double)row_of(a->gu, m)[a->f + i];
            row_of(a->y, m)[i] = (float)(g / (1 + exp(-g)) * u);
        }
}

void ref_swiglu_backward(struct backend *b, const struct swiglu_grad *a)
{
    (void)b;
    for (size_t m = 0; m < a->m; m++)
        for (size_t i = 0; i < a->f; i++) {
            double g = (double)row_of(a->gu, m)[i], u = (double)row_of(a->gu, m)[a->f + i];
            double dy = (double)row_of(a->dy, m)[i], s = 1 / (1 + exp(-g));
            row_of(a->dgu, m)[i] = (float)(dy * u * s * (1 + g * (1 - s)));
            row_of(a->dgu, m)[a->f + i] = (float)(dy * g * s);
        }
}
