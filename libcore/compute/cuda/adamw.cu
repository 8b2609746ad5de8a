/* adamw.cu - the optimizer's pass and dot products over long vectors, and what
 * the device's products can reach. */
#include "compute/cuda/device.cuh"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS = 256, DOT_BLOCK = 1 << 12, DOT_ROUND = 1 << 18 };

struct step { /* see ops.h; derived once for a step */
    float grad_scale, keep, c1, b2, c2, rate, root, eps;
    bool zero_grad;
};

__device__ __forceinline__ void adamw_one(const struct step &s, float *p, float g, float *m,
                                          float *v)
{
    float grad = g * s.grad_scale, m1 = *m;
    m1 = fmaf(grad - m1, s.c1, m1);
    float v1 = fmaf(grad * grad, s.c2, *v * s.b2);
    float below = sqrtf(v1) * s.root + s.eps;
    *p = *p * s.keep - m1 * s.rate / below;
    *m = m1;
    *v = v1;
}

/* Four neighbours to a thread. */
__global__ void __launch_bounds__(THREADS)
    adamw_step(struct step s, float *p, float *g, float *m, float *v, size_t n, bool aligned)
{
    size_t i = 4 * ((size_t)blockIdx.x * THREADS + threadIdx.x);
    bool whole = aligned && i + 4 <= n;
    float4 p4 = load4(p, i, n, whole), g4 = load4(g, i, n, whole);
    float4 m4 = load4(m, i, n, whole), v4 = load4(v, i, n, whole);
    adamw_one(s, &p4.x, g4.x, &m4.x, &v4.x);
    adamw_one(s, &p4.y, g4.y, &m4.y, &v4.y);
    adamw_one(s, &p4.z, g4.z, &m4.z, &v4.z);
    adamw_one(s, &p4.w, g4.w, &m4.w, &v4.w);
    store4(p, i, n, whole, p4);
    store4(m, i, n, whole, m4);
    store4(v, i, n, whole, v4);
    if (s.zero_grad)
        store4(g, i, n, whole, float4{0, 0, 0, 0});
}

/* b^n by squaring: the same bits everywhere. */
static double power(double b, uint64_t n)
{
    double p = 1;
    for (; n; n /= 2, b *= b)
        if (n % 2)
            p *= b;
    return p;
}

void cuda_adamw(struct backend *b, const struct adamw *a)
{
    struct cuda *c = cuda_of(b);
    double bc1 = 1 - power(a->beta1, a->step), bc2 = 1 - power(a->beta2, a->step);
    struct step s = {(float)a->grad_scale,
                     (float)(1 - a->lr * a->weight_decay),
                     (float)(1 - a->beta1),
                     (float)a->beta2,
                     (float)(1 - a->beta2),
                     (float)(a->lr / bc1),
                     (float)(1 / sqrt(bc2)),
                     (float)a->eps,
                     a->zero_grad};
    bool aligned = whole_vector(a->p, 4) && whole_vector(a->g, 4) && whole_vector(a->m, 4) &&
                   whole_vector(a->v, 4);
    if (a->n)
        LAUNCH(c, adamw_step, dim3((unsigned)parts(a->n, 4 * THREADS)), THREADS, 0, s, a->p, a->g,
               a->m, a->v, a->n, aligned);
}

/* Half a warp for each block of DOT_BLOCK elements: sixteen sums, folded.  A whole block's loads
 * do not wait for one another. */
__global__ void dot_blocks(const float *x, const float *y, size_t n, double *sums)
{
    size_t block = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) / LANES,
           first = block * DOT_BLOCK;
    double s = 0;
    const float *a = x + first + threadIdx.x % LANES, *b = y + first + threadIdx.x % LANES;
    if (first + DOT_BLOCK <= n) {
#pragma unroll 16
        for (int i = 0; i < DOT_BLOCK; i += LANES)
            s += (double)a[i] * (double)b[i];
    } else {
        for (size_t i = threadIdx.x % LANES; first + i < n; i += LANES)
            s += (double)x[first + i] * (double)y[first + i];
    }
    s = lanes_sum(s);
    if (threadIdx.x % LANES == 0 && first < n)
        sums[block] = s;
}

size_t dot_scratch(void)
{
    return DOT_ROUND * sizeof(double);
}

double cuda_dot(struct backend *b, const float *x, const float *y, size_t n)
{
    struct cuda *c = cuda_of(b);
    frame f(c);
    double *sums = f.take<double>(DOT_ROUND), total = 0;
    double *host = static_cast<double *>(xmalloc(DOT_ROUND * sizeof *host));
    size_t step = (size_t)DOT_ROUND * DOT_BLOCK;
    for (size_t at = 0; at < n; at += step) {
        size_t part = n - at < step ? n - at : step, blocks = parts(part, DOT_BLOCK);
        LAUNCH(c, dot_blocks, dim3((unsigned)parts(blocks * LANES, THREADS)), THREADS, 0, x + at,
               y + at, part, sums);
        cuda_download(b, host, sums, blocks * sizeof *host);
        for (size_t i = 0; i < blocks; i++)
            total += host[i];
    }
    free(host);
    return total;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Numbers of either sign in [0.5, 1), as f32 or bf16: zeros would draw less power, and a clock that
 * no real product has. */
__global__ void fill_noise(uint32_t *p, size_t words, bool bf16)
{
    EACH(row, i, 1, words)
    {
        uint32_t x = (uint32_t)i * 2654435761u;
        x ^= x >> 15, x *= 2246822519u, x ^= x >> 13;
        p[i] = bf16 ? (x & 0x807f807fu) | 0x3f003f00u : (x & 0x807fffffu) | 0x3f000000u;
    }
}

/* The best of some square products of the precision's kind, from memory that is free. */
double cuda_peak_flops(struct backend *b)
{
    struct cuda *c = cuda_of(b);
    bool bf16 = b->precision == PRECISION_BF16;
    size_t side = 8192;
    while (side > 64 * (size_t)c->sms) /* a small device */
        side /= 2;
    size_t bytes = side * side * (2 * (bf16 ? 2 : 4) + 4);
    while (side > 64 && bytes > pool_free_bytes(&c->pool) / 2)
        side /= 2, bytes /= 4;
    struct err e = ERR_NONE;
    char *memory = static_cast<char *>(cuda_alloc(b, bytes, &e));
    if (!memory)
        return 0;
    size_t operand = side * side * (bf16 ? 2 : 4);
    LAUNCH(c, fill_noise, grid_rows(1, operand / 2), EACH_THREADS, 0,
           reinterpret_cast<uint32_t *>(memory), operand / 2, bf16);
    struct product p = {};
    p.a = {memory, bf16, side, 1};
    p.b = {memory + operand, bf16, side, 1};
    p.m = p.n = p.k = side;
    p.c = reinterpret_cast<float *>(memory + 2 * operand);
    p.c_row = side;
    double best = 0;
    for (int round = 0; round < 6; round++) {
        cuda_check(cudaStreamSynchronize(c->stream), "measuring");
        double start = seconds();
        (b->precision == PRECISION_EXACT ? cuda_product : cuda_product_lt)(c, &p);
        cuda_check(cudaStreamSynchronize(c->stream), "measuring");
        double took = seconds() - start, flops = 2.0 * (double)side * (double)side * (double)side;
        best = round && flops / took > best ? flops / took : best;
    }
    cuda_free(b, memory);
    return best;
}
