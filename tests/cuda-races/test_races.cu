/* test_races.cu - what tests/cuda-emu/races.cc says of kernels with a fault, and of the same without it. */
#include "compute/cuda/device.cuh"

#include "../cuda-emu/races.h"
#include "../tap.h"

enum { N = 64 };

/* A thread reads what another has written to the block's memory: in its warp, or in the other. */
template <int FAR, bool MENDED> __global__ void neighbours(float *out)
{
    SHARED(float, all);
    unsigned i = threadIdx.x;
    all[i] = (float)i;
    if (MENDED && FAR < WARP)
        __syncwarp();
    if (MENDED && FAR >= WARP)
        __syncthreads();
    out[blockIdx.x * N + i] = all[i ^ FAR];
}

/* The place is written again before all have read it. */
template <bool MENDED> __global__ void again(float *out)
{
    SHARED(float, all);
    unsigned i = threadIdx.x;
    for (int turn = 0; turn < 2; turn++) {
        all[i] = (float)i;
        __syncthreads();
        out[i] = all[N - 1 - i];
        if (MENDED)
            __syncthreads();
    }
}

/* A shuffle does not order memory. */
template <bool MENDED> __global__ void shuffled(float *out)
{
    SHARED(float, all);
    unsigned i = threadIdx.x;
    all[i] = (float)i;
    float other = __shfl_xor_sync(0xffffffffu, (float)i, 1);
    if (MENDED)
        __syncwarp();
    out[i] = all[i ^ 1] + other;
}

template <bool MENDED> __global__ void blocks_write(float *out)
{
    out[MENDED ? blockIdx.x : 0] = 1;
}

__global__ void blocks_count(int *out)
{
    atomicAdd(out, 1);
}

__global__ void blocks_agree(float *out)
{
    store_equal(out, 1.0f);
}

__global__ void write(float *to)
{
    to[threadIdx.x] = 1;
}

__global__ void write_and_go(float *to)
{
    next_may_begin();
    to[threadIdx.x] = 1;
}

template <bool MENDED> __global__ void read_early(const float *from, float *to)
{
    float x = MENDED ? 0 : from[threadIdx.x];
    kernel_before_ended();
    to[threadIdx.x] = MENDED ? from[threadIdx.x] : x;
}

/* The one before it is over when the one before has waited: two back is seen, unless that let go first. */
template <bool HASTY> __global__ void between(float *to)
{
    if (HASTY)
        next_may_begin();
    kernel_before_ended();
    next_may_begin();
    to[threadIdx.x] = 1;
}

static struct cuda *c;

/* Faults that were found since the last call. */
static unsigned found(void)
{
    static unsigned before;
    unsigned n = races_found() - before;
    before = races_found();
    return n;
}

static float *floats(size_t n)
{
    struct err e = ERR_NONE;
    float *p = static_cast<float *>(cuda_alloc(&c->b, n * sizeof *p, &e));
    ASSERT(p);
    return p;
}

static void of_a_block(void)
{
    float *out = floats(2 * N);
    LAUNCH(c, (neighbours<1, false>), dim3(2), N, N * sizeof(float), out);
    CHECK(found() > 0);
    LAUNCH(c, (neighbours<1, true>), dim3(2), N, N * sizeof(float), out);
    CHECK_INT(found(), 0);
    LAUNCH(c, (neighbours<WARP, false>), dim3(2), N, N * sizeof(float), out);
    CHECK(found() > 0);
    LAUNCH(c, (neighbours<WARP, true>), dim3(2), N, N * sizeof(float), out);
    CHECK_INT(found(), 0);
    LAUNCH(c, again<false>, dim3(1), N, N * sizeof(float), out);
    CHECK(found() > 0);
    LAUNCH(c, again<true>, dim3(1), N, N * sizeof(float), out);
    CHECK_INT(found(), 0);
    LAUNCH(c, shuffled<false>, dim3(1), N, N * sizeof(float), out);
    CHECK(found() > 0);
    LAUNCH(c, shuffled<true>, dim3(1), N, N * sizeof(float), out);
    CHECK_INT(found(), 0);
    cuda_free(&c->b, out);
}

static void of_blocks(void)
{
    float *out = floats(N);
    LAUNCH(c, blocks_write<false>, dim3(2), WARP, 0, out);
    CHECK(found() > 0);
    LAUNCH(c, blocks_write<true>, dim3(1), 1, 0, out);
    LAUNCH(c, blocks_count, dim3(2), WARP, 0, reinterpret_cast<int *>(out));
    LAUNCH(c, blocks_agree, dim3(2), WARP, 0, out);
    CHECK_INT(found(), 0);
    cuda_free(&c->b, out);
}

static void unwritten(void)
{
    float *out = floats(N);
    frame f(c);
    float *scratch = f.take<float>(N);
    LAUNCH(c, read_early<true>, dim3(1), N, 0, scratch, out);
    CHECK(found() > 0);
    LAUNCH(c, write, dim3(1), N, 0, scratch);
    LAUNCH(c, read_early<true>, dim3(1), N, 0, scratch, out);
    CHECK_INT(found(), 0);
    cuda_free(&c->b, out);
}

static void early(void)
{
    float *a = floats(N), *b = floats(N), *d = floats(N);
    LAUNCH(c, write_and_go, dim3(1), N, 0, a);
    LAUNCH_EARLY(c, read_early<false>, dim3(1), N, 0, a, b);
    CHECK(found() > 0);
    LAUNCH(c, write_and_go, dim3(1), N, 0, a);
    LAUNCH_EARLY(c, read_early<true>, dim3(1), N, 0, a, b);
    CHECK_INT(found(), 0);
    LAUNCH(c, write, dim3(1), N, 0, a);
    LAUNCH_EARLY(c, between<false>, dim3(1), N, 0, b);
    LAUNCH_EARLY(c, read_early<false>, dim3(1), N, 0, a, d);
    CHECK_INT(found(), 0);
    LAUNCH(c, write, dim3(1), N, 0, a);
    LAUNCH_EARLY(c, between<true>, dim3(1), N, 0, b);
    LAUNCH_EARLY(c, read_early<false>, dim3(1), N, 0, a, d);
    CHECK(found() > 0);
    cuda_free(&c->b, a);
    cuda_free(&c->b, b);
    cuda_free(&c->b, d);
}

int main(void)
{
    static const struct test tests[] = {
        {"races of a block's threads", of_a_block},
        {"races of blocks", of_blocks},
        {"memory that nobody has written", unwritten},
        {"kernels that begin early", early},
    };
    struct err e = ERR_NONE;
    struct backend_options o = {};
    o.device = "cuda";
    o.memory = 64 << 20;
    struct backend *b = cuda_open(&o, &e);
    ASSERT(b);
    c = cuda_of(b);
    struct op_limits l = {};
    l.vocab = 512;
    l.head_rows = 1;
    ASSERT(b->op->reserve(b, &l, &e));
    int status = TAP_RUN(tests);
    b->op->close(b);
    races_forget();
    return status;
}
