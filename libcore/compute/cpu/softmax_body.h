/* softmax_body.h - the online softmax over blocks of keys, a part of
 * kernels_body.h.
 *
 * A result of -0 is made +0 at every step (the + 0 below): whether a row's chain
 * stops at its last key or goes on over weights of 0 must not be seen. */

enum { BLOCK_VECTORS = 4 }; /* 64 scores */

static void softmax_row(const struct softmax_block *b, size_t row)
{
    float *s = b->s + row * BLOCK_VECTORS * PANEL, *out = b->out + row * b->out_row;
    size_t n = (size_t)b->n[row], full = n / PANEL;
    v16 z[BLOCK_VECTORS], scale = v16_set(b->scale), top = v16_set(-HUGE_VALF);
    for (size_t i = 0; i < full; i++) {
        z[i] = v16_mul(v16_load(s + i * PANEL), scale);
        top = v16_max(z[i], top);
    }
    if (n % PANEL) {
        v16 last = v16_mul(v16_load(s + full * PANEL), scale);
        z[full] = v16_first(last, v16_set(-HUGE_VALF), n % PANEL);
        top = v16_max(z[full], top);
    }
    float before = b->max[row], max = v16_top(top);
    max = max > before ? max : before;
    v16 sum = v16_zero();
    for (size_t i = 0; i * PANEL < n; i++) {
        v16 p = v16_exp(v16_sub(z[i], v16_set(max)));
        v16_store(s + i * PANEL, p);
        sum = v16_add(sum, p);
    }
    for (size_t i = (n + PANEL - 1) / PANEL; i * PANEL < b->width; i++)
        v16_store(s + i * PANEL, v16_zero());
    v16 keep = v16_exp(v16_set(before - max));
    float kept[PANEL];
    v16_store(kept, v16_fma(v16_set(b->sum[row]), keep, v16_set(v16_sum(sum))));
    b->sum[row] = kept[0];
    b->max[row] = max;
    for (size_t d = 0; d < b->dim; d += PANEL)
        v16_store(out + d, v16_fma(v16_load(out + d), keep, v16_zero()));
}

static void softmax_block(const struct softmax_block *b)
{
    for (size_t row = 0; row < b->rows; row++) {
        if (b->n[row] > 0) {
            softmax_row(b, row);
            continue;
        }
        for (size_t i = 0; i < b->width; i += PANEL)
            v16_store(b->s + row * BLOCK_VECTORS * PANEL + i, v16_zero());
    }
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
