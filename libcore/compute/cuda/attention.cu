/* attention.cu - attention forward and backward: which kernels, in which order. */
#include "compute/cuda/attention_exact.cuh"
#include "compute/cuda/attention_grad.cuh"
#include "compute/cuda/attention_mma.cuh"

static struct attn_args args_of(const struct kv *kv, size_t layer, const struct attn_plan *plan)
{
    struct attn_args a = {};
    ASSERT(plan->n_kv_heads == kv->n_heads && layer < kv->n_layers);
    a.kv = *kv;
    a.layer = layer;
    a.n_heads = plan->n_heads;
    a.group = plan->n_heads / plan->n_kv_heads;
    a.seqs = plan->seqs;
    a.pages = plan->pages;
    return a;
}

size_t attention_scratch(const struct cuda *c, const struct op_limits *l)
{
    size_t sums = l->train ? l->rows * l->n_heads * sizeof(float) : 0;
    if (c->b.precision != PRECISION_BF16)
        return sums + 1024;
    size_t forward = strip_slots(l->rows) * l->n_heads * (l->head_dim + 2) * sizeof(float);
    return sums + forward + (l->train ? attention_grad_mma_scratch(c, l) : 0) + 1024;
}

size_t attention_shared(const struct cuda *c, const struct op_limits *l)
{
    size_t d = l->head_dim;
    bool tensor = c->b.precision == PRECISION_BF16;
    size_t many = attention_mma_shared(d), few = attention_few_shared(d);
    size_t forward = !tensor ? attention_exact_shared(d) : many > few ? many : few;
    size_t backward = tensor ? attention_grad_mma_shared(d) : attention_grad_exact_shared(d);
    return l->train && backward > forward ? backward : forward;
}

void cuda_attention(struct backend *b, const struct attention *a)
{
    struct cuda *c = cuda_of(b);
    struct attn_args x = args_of(a->kv, a->layer, a->plan);
    x.q = a->q;
    x.out = a->out;
    x.lse = a->lse;
    x.scale = a->scale;
    if (a->plan->n_items == 0)
        return;
    if (b->precision == PRECISION_BF16)
        attention_mma(c, &x, a->plan);
    else
        attention_exact(c, &x, a->plan->items, a->plan->n_items);
}

/* d[row][head] = sum of dout out in double: half a warp for each. */
__global__ void row_dots(struct rows dout, struct rows out, size_t rows, size_t heads, size_t dim,
                         float *d)
{
    size_t i = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) / LANES, row = i / heads,
           h = i % heads;
    double s = 0;
    for (size_t k = threadIdx.x % LANES; k < dim && row < rows; k += LANES)
        s += (double)row_at(dout, row)[h * dim + k] * (double)row_at(out, row)[h * dim + k];
    s = lanes_sum(s);
    if (threadIdx.x % LANES == 0 && row < rows)
        d[i] = (float)s;
}

enum { DOT_THREADS = 256 };

void cuda_attention_backward(struct backend *b, const struct attention_grad *a)
{
    struct cuda *c = cuda_of(b);
    frame f(c);
    const struct attn_plan *plan = a->plan;
    struct grad_args g = {};
    size_t n = plan->n_rows * plan->n_heads;
    if (plan->n_items == 0 || n == 0)
        return;
    ASSERT(plan->every_key);
    float *d = f.take<float>(n);
    g.a = args_of(a->kv, a->layer, plan);
    g.a.q = a->q;
    g.a.out = a->out;
    g.a.lse = const_cast<float *>(a->lse);
    g.a.scale = a->scale;
    g.dout = a->dout;
    g.dq = a->dq;
    g.dk = a->dk;
    g.dv = a->dv;
    g.d = d;
    g.blocks = plan->blocks;
    g.sharers = plan->sharers;
    LAUNCH(c, row_dots, dim3((unsigned)parts(n * LANES, DOT_THREADS)), DOT_THREADS, 0, a->dout,
           a->out, plan->n_rows, plan->n_heads, a->kv->d, d);
    if (b->precision == PRECISION_BF16)
        attention_grad_mma(c, &g, plan);
    else
        attention_grad_exact(c, &g, plan);
}
