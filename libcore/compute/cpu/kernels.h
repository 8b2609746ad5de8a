/* kernels.h - what an instruction set provides: inner loops, called by the
 * drivers (gemm.c, attention.c, ...), which do threads and partitions.
 *
 * All sets give the same bits: they are compiled from one source
 * (kernels_body.h) over simd.h. */
#ifndef COMPUTE_CPU_KERNELS_H
#define COMPUTE_CPU_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PANEL = 16 }; /* outputs that stand side by side in a packed matrix */

/* Of a row of a panel of bf16, where output j stands: outputs 0 and 8 first, then 1 and 9, ..., so that
 * AVX2 widens sixteen of them by a shift and a mask. */
static inline size_t panel_place(size_t j)
{
    return j % 8 * 2 + j / 8;
}

/* What a panel's elements are.  A pair is two bf16 of neighbouring k, the even one in the low half of
 * 32 bits; then the other side of the product is pairs as well, and k counts pairs. */
enum panels { PANELS_F32, PANELS_BF16, PANELS_PAIRS, N_PANELS };

/* c[i][j] = chain over p < k of a[i * a_row + p * a_k] * b[j / 16][p][j % 16], going on from
 * `from`, then + bias[j] + residual[i][j].  Panels are [k][16] elements, b_panel apart. */
struct gemm {
    const void *a;
    size_t a_row, a_k;
    const void *b;
    size_t b_panel;
    size_t m, n, k;
    float *c;
    size_t c_row;
    const float *from; /* the chains go on from here; NULL: from +0.  May be c */
    size_t from_row;
    const float *bias;     /* NULL: none */
    const float *residual; /* NULL: none; may be c */
    size_t residual_row;
};

/* One block of keys joins the online softmax of `rows` rows.  Row i has n[i] >= 1 valid scores
 * in s[i * 64 ..]; they become weights, and weights up to `width` (a multiple of 16) become 0.
 * max, sum and out (dim, a multiple of 16) are updated: out is scaled and waits for the
 * block's values. */
struct softmax_block {
    float *s;
    const int32_t *n;
    size_t rows, width, dim, out_row;
    float scale;
    float *max, *sum, *out;
};

/* Log-sum-exp of one block of logits. */
struct vocab_part {
    float max, sum; /* sum of exp(z - max) */
    float dot;      /* sum of exp(z - max) (z - max); only if asked for */
};

struct adamw_step { /* see ops.h; derived once for a step */
    float grad_scale, keep, c1, b2, c2, rate, root, eps;
    bool zero_grad;
};

struct kernels {
    const char *name;
    void (*gemm[N_PANELS])(const struct gemm *g);
    /* Nothing but independent chains: what the unit can do.  Returns the operations made;
     * *sink keeps the compiler honest. */
    double (*peak)(size_t rounds, float *sink, enum panels kind);

    float (*inverse_rms)(const float *x, size_t n, float eps);
    void (*norm)(float *y, const float *x, const float *w, size_t n, float eps);
    /* r: the inverse root. */
    void (*norm_grad)(float *dx, bool add, const float *x, const float *dy, const float *w,
                      size_t n, float r);
    /* dw[i] = dw[i] + dy[i] (x[i] r) */
    void (*norm_dw)(float *dw, const float *x, const float *dy, size_t n, float r);
    void (*rope)(float *x, size_t half, const float *cos, const float *sin, bool inverse);
    void (*swiglu)(float *y, const float *g, const float *u, size_t n);
    void (*swiglu_grad)(float *dg, float *du, const float *g, const float *u, const float *dy,
                        size_t n);
    void (*add)(float *y, const float *x, size_t n); /* y += x */
    void (*round_bf16)(uint16_t *y, const float *x, size_t n);
    /* n rows of sixteen floats to rows of a panel of bf16, and back. */
    void (*round_panel)(uint16_t *y, const float *x, size_t n);
    void (*widen_panel)(float *y, const uint16_t *x, size_t n);

    void (*softmax_block)(const struct softmax_block *b);
    /* out = out / sum, rows of dim (a multiple of 16). */
    void (*softmax_end)(float *out, size_t out_row, const float *sum, size_t rows, size_t dim);
    /* p = exp(scale s - lse) where j < n[i], else 0; rows of 64, width as above. */
    void (*softmax_again)(float *s, const int32_t *n, const float *lse, size_t rows, size_t width,
                          float scale);
    /* ds = scale p (ds - d), rows of 64. */
    void (*softmax_grad)(float *ds, const float *p, const float *d, size_t rows, size_t width,
                         float scale);

    struct vocab_part (*vocab_block)(const float *z, size_t n, bool dot);
    /* z = exp(z - lse) scaled: z = -g p - h p (z - lse + entropy) */
    void (*vocab_grad)(float *z, size_t n, float lse, float g, float h, float entropy);
    /* y = exp((x - max) * scale) */
    void (*exp_row)(float *y, const float *x, size_t n, float max, float scale);

    void (*adamw)(const struct adamw_step *s, float *p, float *g, float *m, float *v, size_t n);
    double (*dot)(const float *x, const float *y, size_t n);

    /* [16][k] rows, `stride` apart, into a panel [k][16]; rows from n on are zero. */
    void (*pack_rows)(float *panel, const float *rows, size_t stride, size_t n, size_t k);
    /* n <= 16 columns of k rows, `stride` apart, into rows of 16, `to_stride` apart; the columns
     * from n on are zero. */
    void (*pack_columns)(float *to, size_t to_stride, const float *rows, size_t stride, size_t n,
                         size_t k);
    /* The same as pairs of rows, (k + 1) / 2 of them. */
    void (*pack_pair_columns)(float *to, size_t to_stride, const float *rows, size_t stride,
                              size_t n, size_t k);
    /* pack_rows as pairs: [(k + 1) / 2][16]. */
    void (*pack_pair_rows)(float *panel, const float *rows, size_t stride, size_t n, size_t k);
};

extern const struct kernels kernels_portable, kernels_avx2, kernels_avx512, kernels_avx512bf16;

#endif
