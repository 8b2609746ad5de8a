/* softmax_body.h - the online softmax over blocks of keys, a part of
 * kernels_body.h.
 *
 * Whether a row's chain stops at its last key or goes on over weights of 0 must
 * not be seen: it could show in the sign of a zero only, so zeros end as +0
 * (the + 0 in softmax_end). */

enum { BLOCK_VECTORS = 4 }; /* 64 scores */

/* Scales the scores in place, the invalid ones to minus infinity; returns the largest. */
INLINE float scale_scores(float *s, size_t n, v16 scale)
{
    v16 top = v16_set(-HUGE_VALF);
    for (size_t i = 0; i < n; i += PANEL) {
        v16 z = v16_mul(v16_load(s + i), scale);
        if (n - i < PANEL)
            z = v16_first(z, v16_set(-HUGE_VALF), n - i);
        v16_store(s + i, z);
        top = v16_max(z, top);
    }
    return v16_top(top);
}

/* Scores to weights; returns their sum. */
INLINE float weigh_scores(float *s, size_t n, size_t width, v16 max)
{
    v16 sum = v16_zero();
    size_t i = 0;
    for (; i < n; i += PANEL) {
        v16 p = v16_exp(v16_sub(v16_load(s + i), max));
        v16_store(s + i, p);
        sum = v16_add(sum, p);
    }
    for (; i < width; i += PANEL)
        v16_store(s + i, v16_zero());
    return v16_sum(sum);
}

/* Up to sixteen rows from `row` on, so that what is one number for each row is one vector. */
INLINE void softmax_rows(const struct softmax_block *b, size_t row, size_t rows)
{
    enum { WIDTH = BLOCK_VECTORS * PANEL };
    float top[PANEL] = {0}, sums[PANEL] = {0}, keeps[PANEL];
    const v16 scale = v16_set(b->scale);
    float *s = b->s + row * WIDTH;
    for (size_t r = 0; r < rows; r++)
        top[r] = scale_scores(s + r * WIDTH, (size_t)b->n[row + r], scale);
    v16 before = v16_load_n(b->max + row, rows), max = v16_max(v16_load(top), before);
    v16 keep = v16_exp(v16_sub(before, max));
    v16_store(top, max);
    v16_store(keeps, keep);
    for (size_t r = 0; r < rows; r++)
        sums[r] = weigh_scores(s + r * WIDTH, (size_t)b->n[row + r], b->width, v16_set(top[r]));
    v16_store_n(b->max + row, max, rows);
    v16_store_n(b->sum + row, v16_fma(v16_load_n(b->sum + row, rows), keep, v16_load(sums)), rows);
    for (size_t r = 0; r < rows; r++) {
        float *out = b->out + (row + r) * b->out_row;
        for (size_t d = 0; d < b->dim && keeps[r] != 1; d += PANEL)
            v16_store(out + d, v16_fma(v16_load(out + d), v16_set(keeps[r]), v16_zero()));
    }
}

static void softmax_block(const struct softmax_block *b)
{
    for (size_t row = 0; row < b->rows; row += PANEL)
        softmax_rows(b, row, b->rows - row < PANEL ? b->rows - row : PANEL);
}

static void softmax_end(float *out, size_t out_row, const float *sum, size_t rows, size_t dim)
{
    for (size_t row = 0; row < rows; row++) {
        v16 inverse = v16_set(1 / sum[row]);
        for (size_t d = 0; d < dim; d += PANEL) {
            float *o = out + row * out_row + d;
            v16_store(o, v16_mul(v16_add(v16_load(o), v16_zero()), inverse));
        }
    }
}

static void softmax_again(float *s, const int32_t *n, const float *lse, size_t rows, size_t width,
                          float scale)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < width; i += PANEL) {
            float *p = s + row * BLOCK_VECTORS * PANEL + i;
            v16 e = v16_exp(v16_sub(v16_mul(v16_load(p), v16_set(scale)), v16_set(lse[row])));
            size_t valid = (size_t)n[row] > i ? (size_t)n[row] - i : 0;
            v16_store(p, valid >= PANEL ? e : v16_first(e, v16_zero(), valid));
        }
}

static void softmax_grad(float *ds, const float *p, const float *d, size_t rows, size_t width,
                         float scale)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < width; i += PANEL) {
            size_t at = row * BLOCK_VECTORS * PANEL + i;
            v16 v = v16_mul(v16_sub(v16_load(ds + at), v16_set(d[row])), v16_load(p + at));
            v16_store(ds + at, v16_mul(v, v16_set(scale)));
        }
}
