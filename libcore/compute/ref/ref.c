/* ref.c - the reference device's table, its weights and its optimizer. */
#include "compute/ref/ref.h"
#include "base/mem.h"
#include "compute/elem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void ref_close(struct backend *b)
{
    free(b);
}

static bool ref_reserve(struct backend *b, const struct op_limits *l, struct err *e)
{
    (void)b, (void)l, (void)e;
    return true;
}

static size_t ref_reserve_bytes(struct backend *b, const struct op_limits *l)
{
    (void)b, (void)l;
    return 0;
}

float ref_seen(const struct backend *b, float v)
{
    return b->precision == PRECISION_BF16 ? round_bf16(v) : v;
}

static size_t ref_weight_bytes(struct backend *b, enum elem type, size_t n, size_t k)
{
    (void)b, (void)type;
    return n * k * sizeof(float);
}

static struct weight *ref_weight_view(struct backend *b, const float *rows, size_t n, size_t k)
{
    (void)b;
    struct weight *w = xcalloc(1, sizeof *w);
    *w = (struct weight){.type = ELEM_F32, .n = n, .k = k, .rows = rows};
    return w;
}

static struct weight *ref_weight_new(struct backend *b, enum elem type, size_t n, size_t k,
                                     struct err *e)
{
    float *rows = host_alloc(b, ref_weight_bytes(b, type, n, k), e);
    if (!rows)
        return NULL;
    struct weight *w = ref_weight_view(b, rows, n, k);
    w->type = type;
    w->own = rows;
    return w;
}

static void ref_weight_free(struct backend *b, struct weight *w)
{
    if (!w)
        return;
    host_free(b, w->own);
    free(w);
}

static void ref_weight_load(struct backend *b, struct weight *w, size_t row, size_t n_rows,
                            const float *host)
{
    (void)b;
    ASSERT(w->own && row <= w->n && n_rows <= w->n - row);
    for (size_t i = 0; i < n_rows * w->k; i++)
        w->own[row * w->k + i] = w->type == ELEM_BF16 ? round_bf16(host[i]) : host[i];
}

static void ref_weight_read(struct backend *b, const struct weight *w, size_t row, size_t n_rows,
                            float *host)
{
    for (size_t i = 0; i < n_rows * w->k; i++)
        host[i] = ref_seen(b, w->rows[row * w->k + i]);
}

static void ref_weight_refresh(struct backend *b, struct weight *w, const float *masters)
{
    if (w->own)
        ref_weight_load(b, w, 0, w->n, masters);
}

void ref_adamw(struct backend *b, const struct adamw *a)
{
    (void)b;
    double bc1 = 1 - pow(a->beta1, (double)a->step), bc2 = 1 - pow(a->beta2, (double)a->step);
    for (size_t i = 0; i < a->n; i++) {
        double g = (double)a->g[i] * a->grad_scale, m = (double)a->m[i], v = (double)a->v[i];
        m += (1 - a->beta1) * (g - m);
        v = a->beta2 * v + (1 - a->beta2) * g * g;
        double p = (double)a->p[i] * (1 - a->lr * a->weight_decay);
        a->p[i] = (float)(p - a->lr / bc1 * m / (sqrt(v) / sqrt(bc2) + a->eps));
        a->m[i] = (float)m;
        a->v[i] = (float)v;
        if (a->zero_grad)
            a->g[i] = 0;
    }
}

double ref_dot(struct backend *b, const float *x, const float *y, size_t n)
{
    (void)b;
    double s = 0;
    for (size_t i = 0; i < n; i++)
        s += (double)x[i] * (double)y[i];
    return s;
}

static double ref_peak_flops(struct backend *b)
{
    (void)b;
    return 0;
}

static const struct ops ref_ops = {
    .close = ref_close,
    .alloc = host_alloc,
    .free = host_free,
    .upload = host_copy,
    .download = host_copy,
    .copy = host_copy,
    .zero = host_zero,
    .memory = host_memory,
    .reserve = ref_reserve,
    .reserve_bytes = ref_reserve_bytes,
    .lanes = host_lanes,
    .run_lanes = host_run_lanes,
    .weight_new = ref_weight_new,
    .views = host_views,
    .weight_view = ref_weight_view,
    .weight_free = ref_weight_free,
    .weight_bytes = ref_weight_bytes,
    .weight_load = ref_weight_load,
    .weight_read = ref_weight_read,
    .weight_refresh = ref_weight_refresh,
    .linear = ref_linear,
    .linear_backward = ref_linear_backward,
    .embed = ref_embed,
    .embed_backward = ref_embed_backward,
    .gather = ref_gather,
    .scatter_add = ref_scatter_add,
    .add = ref_add,
    .norm = ref_norm,
    .norm_backward = ref_norm_backward,
    .rope = ref_rope,
    .swiglu = ref_swiglu,
    .swiglu_backward = ref_swiglu_backward,
    .kv_new = ref_kv_new,
    .kv_free = ref_kv_free,
    .kv_page_bytes = ref_kv_page_bytes,
    .plan_new = ref_plan_new,
    .plan_free = ref_plan_free,
    .plan_set = ref_plan_set,
    .kv_write = ref_kv_write,
    .attention = ref_attention,
    .attention_backward = ref_attention_backward,
    .head = ref_head,
    .head_backward = ref_head_backward,
    .sample = ref_sample,
    .distribution = ref_distribution,
    .adamw = ref_adamw,
    .dot = ref_dot,
    .peak_flops = ref_peak_flops,
};

struct backend *ref_open(const struct backend_options *o, struct err *e)
{
    (void)e;
    struct backend *b = xcalloc(1, sizeof *b);
    *b = (struct backend){.op = &ref_ops, .name = "ref", .precision = o->precision};
    return b;
}
