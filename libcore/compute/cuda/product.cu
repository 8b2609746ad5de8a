/* product.cu - products as chains: an output element is one chain of fused
 * multiply-adds in rising order of the inner index, whatever the sizes, so a
 * row's result is the same in a batch of 1 and of 4096, and the same as cpu/'s.
 *
 * A block computes a tile of TM x TN outputs, a thread RM x RN of them in registers; both
 * sides go through shared memory, DEPTH inner indices at a time.  Three tiles, by how many outputs
 * there are: 128 x 128 (8 x 8 each: 64 sums, 2 KiB read per 64 fma of a warp's lane),
 * 64 x 64 when the large one would leave processors idle, 16 x 128 for decoding.
 * Shared memory per block is at most 16.5 KiB, so registers decide how many blocks stand on a
 * processor. */
#include "compute/cuda/device.cuh"

enum { DEPTH = 16, PAD = 4, THREADS = 256 };

/* Output `i` of a thread `t` of T: chunks of up to four neighbours, T chunks side by side. */
template <int R, int T> __device__ __forceinline__ int place(int t, int i)
{
    constexpr int chunk = R < 4 ? R : 4;
    return i / chunk * (chunk * T) + t * chunk + i % chunk;
}

/* Rows [first, first + N) of a side at inner indices [k, k + DEPTH), as to[depth][row]; 0 outside. */
template <int N>
__device__ __forceinline__ void load_side(float *to, const struct side &s, size_t first,
                                          size_t rows, size_t k, size_t depth)
{
    for (int e = (int)threadIdx.x; e < N * DEPTH; e += THREADS) {
        int i = s.depth == 1 ? e / DEPTH : e % N, p = s.depth == 1 ? e % DEPTH : e / N;
        size_t row = first + (size_t)i, at = k + (size_t)p;
        to[p * (N + PAD) + i] =
            row < rows && at < depth ? element(s.p, s.bf16, row * s.row + at * s.depth) : 0.0f;
    }
}

template <int TM, int TN, int RM, int RN>
__global__ void __launch_bounds__(THREADS) chains(struct product p)
{
    constexpr int TX = TN / RN, TY = TM / RM;
    static_assert(TX * TY == THREADS, "a thread for each part of the tile");
    SHARED(float, a);
    float *b = a + DEPTH * (TM + PAD);
    size_t first_m = (size_t)blockIdx.y * TM, first_n = (size_t)blockIdx.x * TN;
    int tx = (int)threadIdx.x % TX, ty = (int)threadIdx.x / TX;
    float sum[RM][RN];
    for (int i = 0; i < RM; i++)
        for (int j = 0; j < RN; j++) {
            size_t m = first_m + (size_t)place<RM, TY>(ty, i);
            size_t n = first_n + (size_t)place<RN, TX>(tx, j);
            sum[i][j] = p.from && m < p.m && n < p.n ? p.c[m * p.c_row + n] : 0.0f;
        }
    for (size_t k = 0; k < p.k; k += DEPTH) {
        __syncthreads();
        load_side<TM>(a, p.a, first_m, p.m, k, p.k);
        load_side<TN>(b, p.b, first_n, p.n, k, p.k);
        __syncthreads();
        int depth = p.k - k < DEPTH ? (int)(p.k - k) : DEPTH;
#pragma unroll 4
        for (int d = 0; d < depth; d++) {
            float x[RM], y[RN];
#pragma unroll
            for (int i = 0; i < RM; i++)
                x[i] = a[d * (TM + PAD) + place<RM, TY>(ty, i)];
#pragma unroll
            for (int j = 0; j < RN; j++)
                y[j] = b[d * (TN + PAD) + place<RN, TX>(tx, j)];
#pragma unroll
            for (int i = 0; i < RM; i++)
#pragma unroll
                for (int j = 0; j < RN; j++)
                    sum[i][j] = fmaf(x[i], y[j], sum[i][j]);
        }
    }
    for (int i = 0; i < RM; i++)
        for (int j = 0; j < RN; j++) {
            size_t m = first_m + (size_t)place<RM, TY>(ty, i);
            size_t n = first_n + (size_t)place<RN, TX>(tx, j);
            if (m >= p.m || n >= p.n)
                continue;
            float v = sum[i][j];
            if (p.bias)
                v += p.bias[n];
            if (p.residual)
                v += p.residual[m * p.residual_row + n];
            p.c[m * p.c_row + n] = v;
        }
}

enum { GRID_Y = 32768 }; /* blocks of rows in one launch */

template <int TM, int TN, int RM, int RN> static void launch(struct cuda *c, struct product p)
{
    size_t rows = p.m, step = (size_t)GRID_Y * TM, element_bytes = p.a.bf16 ? 2 : 4;
    for (size_t m = 0; m < rows; m += step) {
        struct product part = p;
        part.m = rows - m < step ? rows - m : step;
        part.a.p = static_cast<const char *>(p.a.p) + m * p.a.row * element_bytes;
        part.c = p.c + m * p.c_row;
        if (p.residual)
            part.residual = p.residual + m * p.residual_row;
        void (*kernel)(struct product) = chains<TM, TN, RM, RN>;
        LAUNCH(c, kernel, dim3((unsigned)parts(p.n, TN), (unsigned)parts(part.m, TM)), THREADS,
               DEPTH * (TM + TN + 2 * PAD) * sizeof(float), part);
    }
}

void cuda_product(struct cuda *c, const struct product *p)
{
    if (p->m == 0 || p->n == 0)
        return;
    if (p->m <= 32)
        launch<16, 128, 1, 8>(c, *p);
    else if (parts(p->m, 128) * parts(p->n, 128) < 2 * (size_t)c->sms)
        launch<64, 64, 4, 4>(c, *p);
    else
        launch<128, 128, 8, 8>(c, *p);
}
