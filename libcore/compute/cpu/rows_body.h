/* rows_body.h - loops over the elements of a row, a part of kernels_body.h.
 * Sums run in sixteen lanes, lane l over the elements l, l + 16, ..., and are folded at the end. */

/* for (i, step) over n elements: step is 16 but for the last round. */
#define EACH16(i, step, n)                                                                         \
    for (size_t i = 0, step; i < (n) && (step = (n)-i < PANEL ? (n)-i : PANEL, true); i += step)

INLINE v16 load(const float *p, size_t n)
{
    return n == PANEL ? v16_load(p) : v16_load_n(p, n);
}

INLINE void store(float *p, v16 a, size_t n)
{
    if (n == PANEL)
        v16_store(p, a);
    else
        v16_store_n(p, a, n);
}

static float inverse_rms(const float *x, size_t n, float eps)
{
    v16 s = v16_zero();
    EACH16(i, step, n)
    {
        v16 v = load(x + i, step);
        s = v16_fma(v, v, s);
    }
    return 1 / sqrtf(v16_sum(s) / (float)n + eps);
}

static void norm(float *y, const float *x, const float *w, size_t n, float eps)
{
    v16 r = v16_set(inverse_rms(x, n, eps));
    EACH16(i, step, n)
    store(y + i, v16_mul(v16_mul(load(x + i, step), r), load(w + i, step)), step);
}

static void norm_grad(float *dx, bool add, const float *x, const float *dy, const float *w,
                      size_t n, float r)
{
    v16 s = v16_zero();
    EACH16(i, step, n)
    s = v16_fma(v16_mul(load(x + i, step), load(w + i, step)), load(dy + i, step), s);
    v16 r16 = v16_set(r), c = v16_set(-(r * r * r * (v16_sum(s) / (float)n)));
    EACH16(i, step, n)
    {
        v16 d = v16_mul(v16_mul(load(dy + i, step), load(w + i, step)), r16);
        d = v16_fma(load(x + i, step), c, d);
        store(dx + i, add ? v16_add(load(dx + i, step), d) : d, step);
    }
}

static void norm_dw(float *dw, const float *x, const float *dy, size_t n, float r)
{
    EACH16(i, step, n)
    {
        v16 y = v16_mul(load(x + i, step), v16_set(r));
        store(dw + i, v16_fma(load(dy + i, step), y, load(dw + i, step)), step);
    }
}

static void rope(float *x, size_t half, const float *cos, const float *sin, bool inverse)
{
    v16 sign = v16_set(inverse ? -1.0f : 1.0f);
    EACH16(i, step, half)
    {
        v16 lo = load(x + i, step), hi = load(x + half + i, step);
        v16 c = load(cos + i, step), s = v16_mul(load(sin + i, step), sign);
        v16 minus = v16_mul(s, v16_set(-1.0f));
        store(x + i, v16_fma(hi, minus, v16_mul(lo, c)), step);
        store(x + half + i, v16_fma(lo, s, v16_mul(hi, c)), step);
    }
}

INLINE v16 sigmoid(v16 g)
{
    v16 e = v16_exp(v16_sub(v16_zero(), g));
    return v16_div(v16_set(1), v16_add(v16_set(1), e));
}

static void swiglu(float *y, const float *g, const float *u, size_t n)
{
    EACH16(i, step, n)
    {
        v16 gate = load(g + i, step);
        store(y + i, v16_mul(v16_mul(gate, sigmoid(gate)), load(u + i, step)), step);
    }
}

static void swiglu_grad(float *dg, float *du, const float *g, const float *u, const float *dy,
                        size_t n)
{
    EACH16(i, step, n)
    {
        v16 gate = load(g + i, step), up = load(u + i, step), d = load(dy + i, step);
        v16 s = sigmoid(gate), rest = v16_sub(v16_set(1), s);
        v16 slope = v16_mul(s, v16_fma(gate, rest, v16_set(1)));
        store(dg + i, v16_mul(v16_mul(d, up), slope), step);
        store(du + i, v16_mul(d, v16_mul(gate, s)), step);
    }
}

static void add(float *y, const float *x, size_t n)
{
    EACH16(i, step, n)
    store(y + i, v16_add(load(y + i, step), load(x + i, step)), step);
}

static void round_bf16_row(uint16_t *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + PANEL <= n; i += PANEL)
        v16_store_bf16(y + i, v16_load(x + i));
    for (; i < n; i++)
        y[i] = to_bf16(x[i]);
}

static void round_panel(uint16_t *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n * PANEL; i += PANEL)
        v16_store_panel(y + i, v16_load(x + i));
}

static void widen_panel(float *y, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n * PANEL; i += PANEL)
        v16_store(y + i, v16_load_panel(x + i));
}

static void exp_row(float *y, const float *x, size_t n, float max, float scale)
{
    EACH16(i, step, n)
    {
        v16 t = v16_mul(v16_sub(load(x + i, step), v16_set(max)), v16_set(scale));
        store(y + i, v16_exp(t), step);
    }
}

static struct vocab_part vocab_block(const float *z, size_t n, bool dot)
{
    v16 top = v16_set(z[0]), sum = v16_zero(), dots = v16_zero();
    EACH16(i, step, n)
    top = v16_max(step == PANEL ? v16_load(z + i) : v16_first(load(z + i, step), top, step), top);
    float max = v16_top(top);
    EACH16(i, step, n)
    {
        v16 t = v16_sub(load(z + i, step), v16_set(max));
        v16 e = v16_first(v16_exp(t), v16_zero(), step);
        sum = v16_add(sum, e);
        if (dot)
            dots = v16_fma(e, v16_first(t, v16_zero(), step), dots);
    }
    return (struct vocab_part){max, v16_sum(sum), dot ? v16_sum(dots) : 0};
}

static void vocab_grad(float *z, size_t n, float lse, float g, float h, float entropy)
{
    EACH16(i, step, n)
    {
        v16 logp = v16_sub(load(z + i, step), v16_set(lse));
        v16 factor = v16_fma(v16_add(logp, v16_set(entropy)), v16_set(h), v16_set(g));
        store(z + i, v16_mul(v16_exp(logp), v16_sub(v16_zero(), factor)), step);
    }
}

static void adamw(const struct adamw_step *s, float *p, float *g, float *m, float *v, size_t n)
{
    EACH16(i, step, n)
    {
        v16 grad = v16_mul(load(g + i, step), v16_set(s->grad_scale));
        v16 m1 = load(m + i, step), v1 = v16_mul(load(v + i, step), v16_set(s->b2));
        m1 = v16_fma(v16_sub(grad, m1), v16_set(s->c1), m1);
        v1 = v16_fma(v16_mul(grad, grad), v16_set(s->c2), v1);
        v16 below = v16_add(v16_mul(v16_sqrt(v1), v16_set(s->root)), v16_set(s->eps));
        v16 to = v16_mul(load(p + i, step), v16_set(s->keep));
        to = v16_sub(to, v16_div(v16_mul(m1, v16_set(s->rate)), below));
        store(p + i, to, step);
        store(m + i, m1, step);
        store(v + i, v1, step);
        if (s->zero_grad)
            store(g + i, v16_zero(), step);
    }
}

/* Products of floats are exact in double, so the sixteen sums need no fma. */
static double dot(const float *x, const float *y, size_t n)
{
    double s[16] = {0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t l = 0; l < 16; l++)
            s[l] += (double)x[i + l] * (double)y[i + l];
    for (size_t l = 0; i + l < n; l++)
        s[l] += (double)x[i + l] * (double)y[i + l];
    for (size_t h = 8; h; h /= 2)
        for (size_t l = 0; l < h; l++)
            s[l] += s[l + h];
    return s[0];
}

static void pack_rows(float *panel, const float *rows, size_t stride, size_t n, size_t k)
{
    EACH16(p, step, k)
    {
        v16 r[PANEL];
        for (size_t i = 0; i < PANEL; i++)
            r[i] = i < n ? load(rows + i * stride + p, step) : v16_zero();
        v16_turn(r);
        for (size_t i = 0; i < step; i++)
            v16_store(panel + (p + i) * PANEL, r[i]);
    }
}

static void pack_columns(float *to, size_t to_stride, const float *rows, size_t stride, size_t n,
                         size_t k)
{
    for (size_t p = 0; p < k; p++)
        v16_store(to + p * to_stride, load(rows + p * stride, n));
}

static void pack_pair_columns(float *to, size_t to_stride, const float *rows, size_t stride,
                              size_t n, size_t k)
{
    for (size_t p = 0; p < k; p += 2) {
        v16 odd = p + 1 < k ? load(rows + (p + 1) * stride, n) : v16_zero();
        v16_store(to + p / 2 * to_stride, v16_pair(load(rows + p * stride, n), odd));
    }
}

static void pack_pair_rows(float *panel, const float *rows, size_t stride, size_t n, size_t k)
{
    float square[PANEL * PANEL];
    EACH16(p, step, k)
    {
        pack_rows(square, rows + p, stride, n, step);
        pack_pair_columns(panel + p / 2 * PANEL, PANEL, square, PANEL, PANEL, step);
    }
}
