/* lt.cu - products by cuBLASLt.
 *
 * Its matrices are column-major, so our row-major c (m,n) is its (n,m), and the
 * sides change places.  An algorithm is chosen once for a shape, from those whose
 * partial sums are added in a fixed order; a shape for which there is none (leading dimensions
 * that tensor cores cannot take) goes through our own chains.  Our bias runs along its rows, as its
 * epilogue wants it, which comes after the residual. */
#include "compute/cuda/device.cuh"

#include <stdlib.h>
#include <string.h>

/* All that the choice depends on. */
struct lt_key {
    uint64_t m, n, k, a_ld, b_ld, c_ld, r_ld;
    int a_turned, b_turned, bf16, tf32, adds, bias;
    uint32_t alignment[4];
};

struct lt_plan {
    struct lt_key key;
    bool found;
    cublasLtMatmulAlgo_t algo;
};

static uint32_t alignment_of(const void *p)
{
    uintptr_t a = reinterpret_cast<uintptr_t>(p) | 256;
    return (uint32_t)(a & (~a + 1));
}

static void lt_check(cublasStatus_t s, const char *what)
{
    if (s != CUBLAS_STATUS_SUCCESS)
        cuda_check(cudaErrorInvalidValue, what);
}

/* The library's view of one product. */
struct lt_call {
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t a, b, c, out;
};

/* A side's matrix: rows that are contiguous in the inner index are columns of depth elements. */
static cublasLtMatrixLayout_t layout(cudaDataType_t type, uint64_t rows, uint64_t cols, uint64_t ld)
{
    cublasLtMatrixLayout_t l = NULL;
    lt_check(cublasLtMatrixLayoutCreate(&l, type, rows, cols, (int64_t)ld), "a matrix's layout");
    return l;
}

static cublasLtMatrixLayout_t side_layout(const struct side *s, size_t rows, size_t depth,
                                          bool *depth_first)
{
    cudaDataType_t type = s->bf16 ? CUDA_R_16BF : CUDA_R_32F;
    *depth_first = s->depth == 1;
    return *depth_first ? layout(type, depth, rows, s->row) : layout(type, rows, depth, s->depth);
}

static void describe(struct lt_call *x, cublasLtMatmulDescAttributes_t what, const void *value,
                     size_t bytes)
{
    lt_check(cublasLtMatmulDescSetAttribute(x->desc, what, value, bytes), "a product's attribute");
}

static void describe_bias(struct lt_call *x, const float *bias)
{
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    int32_t type = CUDA_R_32F;
    describe(x, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
    describe(x, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
    describe(x, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &type, sizeof type);
}

static struct lt_call call_open(const struct lt_key *key, const struct product *p)
{
    struct lt_call x = {};
    bool a_depth, b_depth;
    x.a = side_layout(&p->b, p->n, p->k, &a_depth);
    x.b = side_layout(&p->a, p->m, p->k, &b_depth);
    x.c = layout(CUDA_R_32F, p->n, p->m, key->r_ld);
    x.out = layout(CUDA_R_32F, p->n, p->m, key->c_ld);
    cublasOperation_t ta = a_depth ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasOperation_t tb = b_depth ? CUBLAS_OP_N : CUBLAS_OP_T;
    lt_check(cublasLtMatmulDescCreate(&x.desc,
                                      key->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
                                      CUDA_R_32F),
             "a product's description");
    describe(&x, CUBLASLT_MATMUL_DESC_TRANSA, &ta, sizeof ta);
    describe(&x, CUBLASLT_MATMUL_DESC_TRANSB, &tb, sizeof tb);
    if (key->bias)
        describe_bias(&x, p->bias);
    return x;
}

static void call_close(struct lt_call *x)
{
    (void)cublasLtMatrixLayoutDestroy(x->a);
    (void)cublasLtMatrixLayoutDestroy(x->b);
    (void)cublasLtMatrixLayoutDestroy(x->c);
    (void)cublasLtMatrixLayoutDestroy(x->out);
    (void)cublasLtMatmulDescDestroy(x->desc);
}

static void set_preference(cublasLtMatmulPreference_t p, cublasLtMatmulPreferenceAttributes_t what,
                           const void *value, size_t bytes)
{
    lt_check(cublasLtMatmulPreferenceSetAttribute(p, what, value, bytes), "a preference");
}

/* CUBLASLT_REDUCTION_SCHEME_INPLACE is left out: its order is not fixed. */
static void choose(struct cuda *c, struct lt_plan *plan, const struct lt_call *x)
{
    static const cublasLtMatmulPreferenceAttributes_t attributes[4] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    cublasLtMatmulPreference_t p;
    uint64_t workspace = LT_WORKSPACE;
    uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    lt_check(cublasLtMatmulPreferenceCreate(&p), "a preference");
    set_preference(p, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace);
    set_preference(p, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &schemes, sizeof schemes);
    for (int i = 0; i < 4; i++)
        set_preference(p, attributes[i], &plan->key.alignment[i], sizeof(uint32_t));
    cublasLtMatmulHeuristicResult_t r;
    int n = 0;
    memset(&r, 0, sizeof r);
    cublasStatus_t s =
        cublasLtMatmulAlgoGetHeuristic(c->lt, x->desc, x->a, x->b, x->c, x->out, p, 1, &r, &n);
    plan->found = s == CUBLAS_STATUS_SUCCESS && n > 0 && r.state == CUBLAS_STATUS_SUCCESS;
    plan->algo = r.algo;
    (void)cublasLtMatmulPreferenceDestroy(p);
}

static struct lt_plan *plan_for(struct cuda *c, const struct lt_key *key, const struct lt_call *x)
{
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < sizeof *key; i++)
        hash = (hash ^ reinterpret_cast<const unsigned char *>(key)[i]) * 1099511628211u;
    if (!c->lt_plans)
        c->lt_plans = static_cast<struct lt_plan *>(xcalloc(LT_PLANS, sizeof *c->lt_plans));
    struct lt_plan *plan = &c->lt_plans[hash % LT_PLANS]; /* a newer shape takes the place */
    if (plan->key.n == 0 || memcmp(&plan->key, key, sizeof *key) != 0) {
        memcpy(&plan->key, key, sizeof *key); /* padding too */
        choose(c, plan, x);
    }
    return plan;
}

/* y[i][j] += bias[j] */
__global__ void add_bias(float *y, size_t row, const float *bias, size_t m, size_t n)
{
    EACH(i, j, m, n)
    y[i * row + j] += bias[j];
}

static struct lt_key key_of(const struct cuda *c, const struct product *p, bool bias)
{
    struct lt_key key;
    memset(&key, 0, sizeof key); /* compared as bytes */
    const float *added = p->residual ? p->residual : p->c;
    key.m = p->m, key.n = p->n, key.k = p->k;
    key.a_ld = p->a.depth == 1 ? p->a.row : p->a.depth;
    key.b_ld = p->b.depth == 1 ? p->b.row : p->b.depth;
    key.c_ld = p->c_row;
    key.r_ld = p->residual ? p->residual_row : p->c_row;
    key.a_turned = p->a.depth == 1, key.b_turned = p->b.depth == 1;
    key.bf16 = p->a.bf16, key.tf32 = c->b.precision == PRECISION_TF32;
    key.adds = p->residual || p->from, key.bias = bias;
    key.alignment[0] = alignment_of(p->b.p), key.alignment[1] = alignment_of(p->a.p);
    key.alignment[2] = alignment_of(added), key.alignment[3] = alignment_of(p->c);
    return key;
}

/* Whether the library could; `bias`: with it. */
static bool multiply(struct cuda *c, const struct product *p, bool bias)
{
    struct lt_key key = key_of(c, p, bias);
    struct lt_call x = call_open(&key, p);
    const struct lt_plan *plan = plan_for(c, &key, &x);
    bool found = plan->found;
    if (found) {
        const float one = 1, beta = key.adds ? 1.0f : 0.0f;
        const float *added = p->residual ? p->residual : p->c;
        lt_check(cublasLtMatmul(c->lt, x.desc, &one, p->b.p, x.a, p->a.p, x.b, &beta, added, x.c,
                                p->c, x.out, &plan->algo, c->lt_workspace, LT_WORKSPACE, c->stream),
                 "a product");
    }
    call_close(&x);
    return found;
}

void cuda_product_lt(struct cuda *c, const struct product *p)
{
    if (p->m == 0 || p->n == 0)
        return;
    ASSERT(p->a.bf16 == p->b.bf16 && !(p->from && p->residual && p->residual != p->c));
    if (p->bias && alignment_of(p->bias) >= 16 && multiply(c, p, true))
        return;
    if (!multiply(c, p, false))
        cuda_product(c, p);
    else if (p->bias)
        LAUNCH(c, add_bias, grid_rows(p->m, p->n), EACH_THREADS, 0, p->c, p->c_row, p->bias, p->m,
               p->n);
}

void cuda_lt_close(struct cuda *c)
{
    free(c->lt_plans);
    if (c->lt)
        (void)cublasLtDestroy(c->lt);
}
