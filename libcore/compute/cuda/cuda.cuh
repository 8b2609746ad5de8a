/* cuda.cuh - the CUDA device: what its files share.
 *
 * One stream, so operators run in the order of their calls; one pool, taken
 * when the device is opened; scratch out of it, sized by reserve().  With PRECISION_EXACT
 * every operator's bits are those of cpu/: the same chains, the same lanes, the same polynomials.
 * Otherwise products are cuBLASLt's and attention runs on tensor cores (bf16), in orders that
 * depend on shapes only, never on timing: no sum uses atomics.
 *
 * Kernels are written in the subset that tests/cuda-emu can run without a GPU: one-dimensional
 * blocks of whole warps, dynamic shared memory only, launches through LAUNCH, tensor cores through
 * mma.cuh. */
#ifndef COMPUTE_CUDA_CUDA_CUH
#define COMPUTE_CUDA_CUDA_CUH

#include <cublasLt.h>
#include <cuda_runtime.h>

#define _Noreturn [[noreturn]]
extern "C" {
#include "base/log.h"
#include "base/mem.h"
#include "compute/cuda/open.h"
#include "compute/elem.h"
#include "compute/host.h"
}

#ifndef LAUNCH
#define LAUNCH(c, kernel, grid, block, shared, ...)                                                \
    do {                                                                                           \
        ASSERT(!(c)->collecting);                                                                  \
        kernel<<<(grid), (block), (shared), (c)->stream>>>(__VA_ARGS__);                           \
        cuda_check(cudaGetLastError(), "a kernel");                                                \
    } while (0)
/* The same, begun while the kernel before it still runs, as soon as all blocks of that one stand on the
 * device and have called next_may_begin() (device.cuh).  Sees what it wrote after kernel_before_ended(),
 * which every block must call. From sm_90 on; before, kernels follow one another. */
#define LAUNCH_EARLY(c, kernel, grid, block, shared, ...)                                          \
    do {                                                                                           \
        ASSERT(!(c)->collecting);                                                                  \
        cudaLaunchAttribute early_ = {};                                                           \
        early_.id = cudaLaunchAttributeProgrammaticStreamSerialization;                            \
        early_.val.programmaticStreamSerializationAllowed = 1;                                     \
        cudaLaunchConfig_t config = {};                                                            \
        config.gridDim = (grid);                                                                   \
        config.blockDim = (block);                                                                 \
        config.dynamicSmemBytes = (shared);                                                        \
        config.stream = (c)->stream;                                                               \
        config.attrs = &early_;                                                                    \
        config.numAttrs = (c)->early ? 1 : 0;                                                      \
        cuda_check(cudaLaunchKernelEx(&config, kernel, __VA_ARGS__), "a kernel");                  \
    } while (0)
extern __shared__ __align__(16) unsigned char cuda_shared[];
#define SHARED(type, name) type *name = reinterpret_cast<type *>(cuda_shared)
#endif

/* A failure after opening leaves nothing to go on with: says what failed and ends the program. */
void cuda_check(cudaError_t status, const char *what);

/* From the first on, failures on this thread are kept until the second is called, which gives the
 * first of them. */
void cuda_check_later(void);
cudaError_t cuda_checked(void);

struct cuda;

/* ---- the pool: one piece of device memory, cut by the host (pool.cu) ---- */

struct pool_block {
    size_t at, bytes;
    bool used;
};

struct pool {
    char *memory;
    size_t bytes;
    struct pool_block *blocks; /* by address, covering all */
    size_t n, cap;
};

void pool_init(struct pool *p, void *memory, size_t bytes);
void *pool_take(struct pool *p, size_t bytes); /* NULL: no room */
void pool_give(struct pool *p, void *at);
size_t pool_free_bytes(const struct pool *p);

/* ---- uploads ----
 * They go through pinned memory of the host: a caller's memory is free again at once, and the host
 * never waits for the device unless it is a whole half ahead. */
struct ring {
    char *p;
    size_t used; /* of the half that is being filled */
    int half;
    cudaEvent_t read[2]; /* the device has read this half */
};

/* ---- shadows: activations rounded to bf16, as products read them (shadow.cu) ----
 * What writes activations can write their shadow at the same time, and a product whose x or dy has
 * one need not round.  Whether there is one follows from the sequence of calls only. */

enum { SHADOWS = 2 }; /* x and dy of a gradient */

struct shadow {
    struct rows of; /* p NULL: of nothing */
    size_t m, n;
    uint16_t *to; /* rows of shadow_row(n) elements, 0 from n on */
    size_t room;
};

struct shadows {
    uint16_t *memory; /* the first shadow is at its front, the second at its end */
    size_t room;      /* elements of all */
    struct shadow s[SHADOWS];
    int last; /* used */
};

/* ---- the device ---- */

enum { RING_HALF = 4 << 20 };
enum { LT_WORKSPACE = 32 << 20, LT_PLANS = 512, STAGING = 4 << 20, MAX_SHARED_KERNELS = 32 };

struct cuda {
    struct backend b; /* first */
    char name[160];
    int device, sms;
    bool early;          /* kernels can begin before the one before them ends */
    size_t shared_limit; /* bytes of shared memory that a block may ask for */
    cudaStream_t stream;
    struct ring ring;
    struct pool pool;
    size_t memory; /* bytes that callers may take of it */
    char *scratch;
    size_t scratch_bytes, scratch_used;
    struct shadows shadows;
    cublasLtHandle_t lt;
    void *lt_workspace;
    struct lt_plan *lt_plans; /* chosen algorithms, by shape */
    size_t n_lt_plans;
    struct steps *steps;
    bool collecting; /* calls, between the begin and the end of a step */
};

static inline struct cuda *cuda_of(struct backend *b)
{
    return reinterpret_cast<struct cuda *>(b);
}

static inline size_t up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static inline size_t parts(size_t n, size_t of)
{
    return (n + of - 1) / of;
}

#ifndef SCRATCH_TAKEN /* an emulated device fills it with NaN */
#define SCRATCH_TAKEN(p, bytes) ((void)(p), (void)(bytes))
#endif

/* Scratch of one operator: taken from the front, given back when the frame ends. */
struct frame {
    struct cuda *c;
    size_t mark;
    explicit frame(struct cuda *of) : c(of), mark(of->scratch_used)
    {
    }
    ~frame()
    {
        c->scratch_used = mark;
    }
    template <typename T> T *take(size_t n)
    {
        size_t at = up(c->scratch_used, 256), end = at + n * sizeof(T);
        ASSERT(end <= c->scratch_bytes);
        c->scratch_used = end;
        SCRATCH_TAKEN(c->scratch + at, n * sizeof(T));
        return reinterpret_cast<T *>(c->scratch + at);
    }
    frame(const frame &) = delete;
    frame &operator=(const frame &) = delete;
};

static inline size_t shadow_row(size_t n)
{
    return up(n, 8);
}

size_t shadow_bytes(const struct cuda *c, const struct op_limits *l);
/* Where to write the shadow of y (m,n), which is about to be overwritten: all of it, rows of
 * shadow_row(n) elements.  NULL: there is no use for one. */
uint16_t *cuda_shadow(struct cuda *c, struct rows y, size_t m, size_t n);
/* The shadow of x if there is one, else made now. */
const uint16_t *cuda_rounded(struct cuda *c, struct rows x, size_t m, size_t n);
/* y has been overwritten, or will be: whatever has elements there has no shadow. */
void cuda_overwritten(struct cuda *c, struct rows y, size_t m, size_t n);
void cuda_forget_shadows(struct cuda *c);

/* Fleeting rows that are there as a shadow only; on an emulated device they become NaN. */
static inline void cuda_left_unwritten(bool fleeting, struct rows y, size_t m, size_t n)
{
    for (size_t i = 0; fleeting && i < m; i++)
        SCRATCH_TAKEN(y.p + i * y.stride, n * sizeof *y.p);
}

/* The operator F, before which all shadows are forgotten.  In the table all are so, except those
 * that say themselves what they overwrite. */
template <auto F> struct anew;
template <typename R, typename... A, R (*F)(struct backend *, A...)> struct anew<F> {
    static R call(struct backend *b, A... a)
    {
        cuda_forget_shadows(cuda_of(b));
        return F(b, a...);
    }
};

/* Lets a kernel use more shared memory than 48 KiB. */
template <typename K> void cuda_allow_shared(struct cuda *c, K *kernel, size_t bytes)
{
    ASSERT(bytes <= c->shared_limit);
    if (bytes > 48 << 10)
        cuda_check(
            cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes),
            "shared memory");
}

void *cuda_alloc(struct backend *b, size_t bytes, struct err *e);
void cuda_free(struct backend *b, void *p);
void cuda_upload(struct backend *b, void *device, const void *host, size_t bytes);
void cuda_download(struct backend *b, void *host, const void *device, size_t bytes);

/* ---- weights (weight.cu) ---- */

/* Rows of ld elements.  Kept as stored with PRECISION_EXACT, else as the products want them. */
struct weight {
    bool bf16;    /* 16 bits each, else f32 */
    bool rounded; /* f32 that hold what bf16 can: stored so, multiplied by the library as f32 */
    size_t n, k, ld;
    void *own; /* NULL: a view */
    const float *view;
};

struct weight *cuda_weight_new(struct backend *b, enum elem type, size_t n, size_t k,
                               struct err *e);
bool cuda_views(struct backend *b);
struct weight *cuda_weight_view(struct backend *b, const float *rows, size_t n, size_t k);
void cuda_weight_free(struct backend *b, struct weight *w);
size_t cuda_weight_bytes(struct backend *b, enum elem type, size_t n, size_t k);
void cuda_weight_load(struct backend *b, struct weight *w, size_t row, size_t n_rows,
                      const float *host);
void cuda_weight_read(struct backend *b, const struct weight *w, size_t row, size_t n_rows,
                      float *host);
void cuda_weight_refresh(struct backend *b, struct weight *w, const float *masters);
void cuda_embed(struct backend *b, const struct weight *w, const int32_t *ids, size_t m,
                struct rows y);

/* to[i][0 .. ld) = from[i][0 .. n) rounded to bf16, zeros behind. */
void cuda_round_rows(struct cuda *c, uint16_t *to, size_t ld, struct rows from, size_t m, size_t n);

/* ---- products (product.cu, lt.cu, linear.cu) ---- */

/* One side of a product: element (i, p) at i * row + p * depth. */
struct side {
    const void *p;
    bool bf16;
    size_t row, depth; /* one of them is 1 */
};

/* c[i][j] = chain over p < k of a(i,p) b(j,p), going on from c[i][j] if `from`, then + bias[j]
 * + residual[i][j]. */
struct product {
    struct side a, b;
    size_t m, n, k;
    float *c;
    size_t c_row;
    bool from;
    const float *bias;
    const float *residual; /* may be c */
    size_t residual_row;
};

void cuda_product(struct cuda *c, const struct product *p);

/* The same by cuBLASLt, in an order of its own; both sides of one type.  Falls back to chains. */
void cuda_product_lt(struct cuda *c, const struct product *p);
void cuda_lt_close(struct cuda *c);

/* The part [first, first + n) of w's rows: y = x w^T; dx = dy w, going on from dx if `from`, and
 * plus dx if `add`; dw (n,k) += dy^T x. */
void cuda_linear_part(struct cuda *c, const struct weight *w, size_t first, size_t n, size_t m,
                      struct rows x, struct rows y);
void cuda_linear_dx(struct cuda *c, const struct weight *w, size_t first, size_t n, size_t m,
                    struct rows dy, struct rows dx, bool from, bool add);
void cuda_linear_dw(struct cuda *c, float *dw, size_t n, size_t k, size_t m, struct rows dy,
                    struct rows x);
void cuda_linear(struct backend *b, const struct linear *a);
void cuda_linear_backward(struct backend *b, const struct linear_grad *a);

/* ---- rows (rows.cu, norm.cu) ---- */

void cuda_embed_backward(struct backend *b, float *dw, size_t c, const int32_t *ids, size_t m,
                         struct rows dy);
size_t embed_scratch(const struct op_limits *l);
void cuda_gather(struct backend *b, struct rows y, struct rows x, const int32_t *index, size_t m,
                 size_t c);
void cuda_scatter_add(struct backend *b, struct rows x, struct rows y, const int32_t *index,
                      size_t m, size_t c);
void cuda_add(struct backend *b, float *y, const float *x, size_t n);
void cuda_norm(struct backend *b, const struct norm *a);
void cuda_norm_backward(struct backend *b, const struct norm_grad *a);
void cuda_rope(struct backend *b, const struct rope_args *a);
void cuda_swiglu(struct backend *b, const struct swiglu *a);
void cuda_swiglu_backward(struct backend *b, const struct swiglu_grad *a);
size_t norm_scratch(const struct op_limits *l);
/* y[n] += sum over rows, in row blocks. */
void cuda_column_sums(struct cuda *c, float *y, size_t n, size_t m, struct rows x);

/* ---- attention (kv.cu, attention*.cu) ---- */

/* [layer][page][head][keys, values][64][d], in the caches' type. */
struct kv {
    enum elem type;
    size_t n_layers, n_pages, n_heads, d;
    void *data;
};

/* A sequence as the device sees it: where its lists of pages begin in `pages`. */
struct seq {
    int32_t shared, n_shared, own, n_keys, row, n_rows, shared_row;
};

/* Rows that one block computes: n_rows of one sequence from `row` on, or, when n_seqs > 1,
 * the single rows of n_seqs neighbours with one shared run. */
struct item {
    int32_t seq, n_seqs, row, n_rows;
};

/* The same for tensor cores: against the key blocks [first, end) of the shared run followed by
 * those of the own run (of neighbours: the shared run only).  part: which of its rows' `parts` partial
 * results this is; `closes`: it is the last and puts all of them together.  What is of the first
 * sequence and row stands here once more. */
struct strip {
    int32_t seq, n_seqs, row, n_rows, first, end, part, parts, closes, slot;
    struct seq q;
};

/* n of them, and empty ones up to `grid`, so that the number launched seldom changes. */
struct strips {
    const struct strip *p;
    size_t n, grid;
};

/* A row's partial results: n of them from `slot` on; n = 0: nothing is left to be put together. */
struct row_parts {
    int32_t slot, n;
};

/* Keys of one sequence's own run, [64 block, ...), for the gradient. */
struct key_block {
    int32_t seq, block;
};

/* The sequences that share a sequence's keys are among [first, end). */
struct sharers {
    int32_t first, end;
};

/* What is const is on the device, inside `memory`; `host` is its image. */
struct attn_plan {
    size_t n_heads, n_kv_heads, n_rows;
    bool covered; /* every row belongs to a sequence */
    bool
        every_key; /* has its row in the batch: there may be a gradient, whose lists are sent only then */
    struct host_seqs s;
    char *host, *memory;
    size_t bytes;
    const struct seq *seqs;
    const int32_t *pages;
    const struct item *items;
    struct strips many, few; /* of more than sixteen stacked rows, and the others */
    const struct key_block *blocks;
    const struct row_parts *row_parts;
    const struct sharers *sharers;
    size_t n_items, n_blocks;
    bool merges;               /* there are partial results that no strip puts together */
    size_t item_rows, longest; /* rows of an item, of a sequence; at most */
};

struct kv *cuda_kv_new(struct backend *b, enum elem type, size_t n_layers, size_t n_pages,
                       size_t n_kv_heads, size_t head_dim, struct err *e);
void cuda_kv_free(struct backend *b, struct kv *kv);
size_t cuda_kv_page_bytes(struct backend *b, enum elem type, size_t n_layers, size_t n_kv_heads,
                          size_t head_dim);
struct attn_plan *cuda_plan_new(struct backend *b, const struct plan_size *size, struct err *e);
void cuda_plan_free(struct backend *b, struct attn_plan *plan);
void cuda_plan_set(struct backend *b, struct attn_plan *plan, const struct attn_seq *seqs,
                   size_t n_seqs);
void cuda_kv_write(struct backend *b, const struct kv_write *a);
void cuda_attention(struct backend *b, const struct attention *a);
void cuda_attention_backward(struct backend *b, const struct attention_grad *a);
size_t attention_scratch(const struct cuda *c, const struct op_limits *l);
/* Bytes of shared memory of a block, at most. */
size_t attention_shared(const struct cuda *c, const struct op_limits *l);

/* ---- steps (step.cu) ---- */

/* The operators that a step may have, and its begin and end. */
void cuda_step_table(struct ops *t);
void cuda_step_close(struct cuda *c);

/* ---- head and sampling (head.cu, sample.cu) ---- */

/* Log-sum-exp of one block of logits. */
struct vocab_part {
    float max, sum, dot; /* sum of exp(z - max); of exp(z - max) (z - max), if asked for */
};

void cuda_head(struct backend *b, const struct head *a);
void cuda_head_backward(struct backend *b, const struct head_grad *a);
void cuda_sample(struct backend *b, const struct sample *a);
void cuda_distribution(struct backend *b, const float *logits, size_t v,
                       const struct sample_row *row, double *p);
struct op_limits head_limits(const struct op_limits *l); /* of the products that it calls */
size_t head_scratch(const struct op_limits *l);
size_t sample_scratch(const struct op_limits *l);

/* ---- training (adamw.cu) ---- */

void cuda_adamw(struct backend *b, const struct adamw *a);
double cuda_dot(struct backend *b, const float *x, const float *y, size_t n);
size_t dot_scratch(void);
double cuda_peak_flops(struct backend *b);

#endif
