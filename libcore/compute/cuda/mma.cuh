/* mma.cuh - tensor cores: the one place where their instructions are written.
 *
 * A warp multiplies tiles of bf16 in shared memory and adds in f32 registers: c (16 x 8) += a
 * (16 x 16) b (16 x 8), mma.sync.m16n8k16, and what is around it: ldmatrix. tests/cuda-emu defines
 * CUDA_EMU and the lanes do the same in loops.
 *
 * Lane l holds of c: rows l/4 and l/4 + 8, columns 2 (l%4) and the next: c[0], c[1] of the upper row,
 * c[2], c[3] of the lower. */
#ifndef COMPUTE_CUDA_MMA_CUH
#define COMPUTE_CUDA_MMA_CUH

#include "compute/cuda/device.cuh"

struct frag_a {
    uint32_t r[4]; /* 16 x 16 */
};
struct frag_b {
    uint32_t r[4]; /* 16 deep, 16 columns: two b of 8 columns */
};

#ifndef CUDA_EMU
/* Four 8 x 8 matrices of bf16; lane l gives the address of row l%8 of matrix l/8.  Turned: each
 * is transposed on the way. */
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], const uint16_t *row, bool turned)
{
    uint32_t at = (uint32_t)__cvta_generic_to_shared(row);
    if (turned)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                     : "r"(at)
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                     : "r"(at)
                     : "memory");
}

__device__ __forceinline__ void mma_tile(float (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                                         uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
#else
static inline const uint16_t *lane_row(const unsigned char *all, int lane)
{
    const uint16_t *row;
    memcpy(&row, all + lane * EMU_SLOT, sizeof row);
    return row;
}

static inline void load_matrices(uint32_t (&r)[4], const uint16_t *row, bool turned)
{
    const unsigned char *all = emu_exchange(&row, sizeof row);
    int lane = (int)threadIdx.x % WARP, i = lane / 4, j = 2 * (lane % 4);
    for (int m = 0; m < 4; m++) {
        uint32_t lo = turned ? lane_row(all, 8 * m + j)[i] : lane_row(all, 8 * m + i)[j];
        uint32_t hi = turned ? lane_row(all, 8 * m + j + 1)[i] : lane_row(all, 8 * m + i)[j + 1];
        r[m] = lo | hi << 16;
    }
}

static inline float half_of(uint32_t r, int which)
{
    return from_bf16((uint16_t)(which ? r >> 16 : r));
}

static inline void mma_tile(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    uint32_t mine[6] = {a[0], a[1], a[2], a[3], b0, b1}, x[6], y[2][6];
    const unsigned char *all = emu_exchange(mine, sizeof mine);
    int lane = (int)threadIdx.x % WARP, row = lane / 4, column = 2 * (lane % 4);
    for (int q = 0; q < 4; q++) { /* the lanes that have depths 2q, 2q + 1 and 8 more */
        memcpy(x, all + (4 * row + q) * EMU_SLOT, sizeof x);
        memcpy(y[0], all + (4 * column + q) * EMU_SLOT, sizeof y[0]);
        memcpy(y[1], all + (4 * column + 4 + q) * EMU_SLOT, sizeof y[1]);
        for (int e = 0; e < 4; e++)
            for (int high = 0; high < 2; high++)
                for (int half = 0; half < 2; half++)
                    c[e] += half_of(x[2 * high + e / 2], half) * half_of(y[e % 2][4 + high], half);
    }
}
#endif

/* Two floats rounded to bf16, the first in the low half. */
__device__ __forceinline__ uint32_t pack_bf16(float lo, float hi)
{
#ifndef CUDA_EMU
    uint32_t r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
    return r;
#else
    return to_bf16(lo) | (uint32_t)to_bf16(hi) << 16;
#endif
}

/* ---- tiles in shared memory: [row][ld], ld a multiple of 8 ---- */

/* a (16 x 16) at rows [m, m + 16), depths [k, k + 16); turned: the tile is [depth][row]. */
__device__ __forceinline__ void load_a(struct frag_a *f, const uint16_t *tile, int ld, int m, int k,
                                       bool turned)
{
    int l = (int)threadIdx.x % WARP, i = l % 8 + l / 8 % 2 * 8, j = l / 16 * 8;
    /* Matrices in the order (upper, left), (lower, left), (upper, right), (lower, right). */
    const uint16_t *row = turned ? tile + (k + l % 8 + l / 16 * 8) * ld + m + l / 8 % 2 * 8
                                 : tile + (m + i) * ld + k + j;
    load_matrices(f->r, row, turned);
}

/* b (16 deep, columns [n, n + 16)) of a tile [column][depth]; turned: of a tile [depth][column]. */
__device__ __forceinline__ void load_b(struct frag_b *f, const uint16_t *tile, int ld, int n, int k,
                                       bool turned)
{
    int l = (int)threadIdx.x % WARP;
    /* Matrices: (columns 0-7, depths 0-7), (0-7, 8-15), (8-15, 0-7), (8-15, 8-15). */
    const uint16_t *row = turned ? tile + (k + l % 8 + l / 8 % 2 * 8) * ld + n + l / 16 * 8
                                 : tile + (n + l % 8 + l / 16 * 8) * ld + k + l / 8 % 2 * 8;
    load_matrices(f->r, row, turned);
}

/* c (16 x 16, as two) += a b. */
__device__ __forceinline__ void mma_16(float (&left)[4], float (&right)[4], const struct frag_a &a,
                                       const struct frag_b &b)
{
    mma_tile(left, a.r, b.r[0], b.r[1]);
    mma_tile(right, a.r, b.r[2], b.r[3]);
}

/* Two neighbouring c (16 x 16) as an a of 16 depths, rounded. */
__device__ __forceinline__ struct frag_a a_of(const float (&left)[4], const float (&right)[4])
{
    struct frag_a f;
    f.r[0] = pack_bf16(left[0], left[1]);
    f.r[1] = pack_bf16(left[2], left[3]);
    f.r[2] = pack_bf16(right[0], right[1]);
    f.r[3] = pack_bf16(right[2], right[3]);
    return f;
}

/* ---- copies into shared memory that nobody waits for ----
 * A thread's copies up to a commit are a group; copies_wait<N> waits for all groups of the thread but
 * the last N.  Others see them after a barrier that follows. */

/* BYTES: 16 or 4, both sides aligned to that; zeros, and `from` is not read, unless `there`. */
template <int BYTES>
__device__ __forceinline__ void copy_async(void *to, const void *from, bool there)
{
#ifndef CUDA_EMU
    uint32_t at = (uint32_t)__cvta_generic_to_shared(to);
    int n = there ? BYTES : 0;
    if (BYTES == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(n)
                     : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(at), "l"(from), "r"(n)
                     : "memory");
#else
    emu_copy_async(to, from, BYTES, there);
#endif
}

__device__ __forceinline__ void copies_commit(void)
{
#ifndef CUDA_EMU
    asm volatile("cp.async.commit_group;" ::: "memory");
#else
    emu_copies_commit();
#endif
}

template <int LEFT> __device__ __forceinline__ void copies_wait(void)
{
#ifndef CUDA_EMU
    asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
#else
    emu_copies_wait(LEFT);
#endif
}

/* Two neighbours of a row of d, as one store where they lie so. */
template <bool WHOLE>
__device__ __forceinline__ void store_two(float *row, int at, int d, float x, float y)
{
    float *to = row + at;
    if (WHOLE || (at + 1 < d && reinterpret_cast<uintptr_t>(to) % 8 == 0)) {
        *reinterpret_cast<float2 *>(to) = float2{x, y};
        return;
    }
    if (at < d)
        to[0] = x;
    if (at + 1 < d)
        to[1] = y;
}

/* The same rounded to bf16. */
template <bool WHOLE>
__device__ __forceinline__ void store_rounded(uint16_t *row, int at, int d, float x, float y)
{
    uint16_t *to = row + at;
    if (WHOLE || (at + 1 < d && reinterpret_cast<uintptr_t>(to) % 4 == 0)) {
        *reinterpret_cast<uint32_t *>(to) = pack_bf16(x, y);
        return;
    }
    if (at < d)
        to[0] = to_bf16(x);
    if (at + 1 < d)
        to[1] = to_bf16(y);
}

/* ---- whole heads ----
 * Kernels exist twice: for heads of exactly 16 DT elements, aligned (WHOLE), so that sizes are constants
 * and a pass over a block is some hundred instructions, and for all others. */

template <int DT, bool WHOLE> __device__ __forceinline__ int head_size(const struct kv &kv)
{
    return WHOLE ? 16 * DT : (int)kv.d;
}

/* Rows of f32 whose heads of d can be read and written in sixteens of bytes. */
static inline bool rows_aligned(struct rows r, size_t d)
{
    return reinterpret_cast<uintptr_t>(r.p) % 16 == 0 && r.stride % 4 == 0 && d % 4 == 0;
}

/* ---- filling tiles ---- */

enum { MMA_THREADS = 128 };

/* Leading dimension of a tile with d columns: zeros up to 16, and 16 bytes more, so that the eight
 * rows of a matrix lie in different banks. */
__host__ __device__ __forceinline__ int tile_ld(int d)
{
    return (d + 15) / 16 * 16 + 8;
}

/* Row `to` of a tile from f32 or bf16 (NULL: zeros), by one warp. */
__device__ __forceinline__ void fill_row(uint16_t *to, const void *from, bool bf16, size_t at,
                                         int d)
{
    int lane = (int)threadIdx.x % WARP, wide = (d + 15) / 16 * 16;
    if (from && bf16 && d % 8 == 0) { /* pages begin at 256 bytes */
        const uint4 *p = reinterpret_cast<const uint4 *>(static_cast<const uint16_t *>(from) + at);
        for (int i = lane; i < d / 8; i += WARP)
            reinterpret_cast<uint4 *>(to)[i] = p[i];
        for (int i = d + lane; i < wide; i += WARP)
            to[i] = 0;
        return;
    }
    for (int i = lane; i < wide; i += WARP)
        to[i] = !from || i >= d ? (uint16_t)0
                : bf16          ? static_cast<const uint16_t *>(from)[at + (size_t)i]
                                : to_bf16(static_cast<const float *>(from)[at + (size_t)i]);
}

/* ROWS rows of d elements of bf16, one after another from element `at` on, to a tile; zeros from row n on.
 * They are under way, or there if d is odd.  DT: sixteens of the head size.  THREADS share the work. */
template <int DT, bool WHOLE, int ROWS, int THREADS>
__device__ __forceinline__ void fetch_rows(uint16_t *to, const void *all, size_t at, int n, int d)
{
    const uint16_t *from = static_cast<const uint16_t *>(all) + at;
    int ld = tile_ld(d), pieces = WHOLE ? 2 * DT : d / 8, thread = (int)threadIdx.x % THREADS;
    bool odd = !WHOLE && d % 8;
#pragma unroll
    for (int k = 0; k < ROWS * 2 * DT && !odd; k += THREADS) {
        int i = k + thread, row = i / pieces, column = (i - row * pieces) * 8;
        if (row < ROWS)
            copy_async<16>(to + row * ld + column, from + (row < n ? i * 8 : 0), row < n);
    }
    for (int i = thread / WARP; odd && i < ROWS; i += THREADS / WARP)
        fill_row(to + i * ld, i < n ? all : NULL, true, at + (size_t)(i * d), d);
}

/* Zeros behind rows of d elements, up to sixteens: what copies do not write; fill_row() does. */
__device__ __forceinline__ void clear_margin(uint16_t *tile, int rows, int d)
{
    int wide = d % 8 ? 0 : (d + 15) / 16 * 16 - d;
    for (int i = (int)threadIdx.x; wide && i < rows * wide; i += MMA_THREADS)
        tile[i / wide * tile_ld(d) + d + i % wide] = 0;
}

/* The 64 keys of a block at element `at` to a tile, zeros from key n on, and their values to the next. */
template <int DT, bool WHOLE>
__device__ __forceinline__ void fetch_pair(uint16_t *to, const struct kv &kv, size_t at, int n)
{
    int d = head_size<DT, WHOLE>(kv);
    fetch_rows<DT, WHOLE, OPS_KV_BLOCK, MMA_THREADS>(to, kv.data, at, n, d);
    fetch_rows<DT, WHOLE, OPS_KV_BLOCK, MMA_THREADS>(to + OPS_KV_BLOCK * tile_ld(d), kv.data,
                                                     at + (size_t)(OPS_KV_BLOCK * d), n, d);
}

#endif
