/* cublaslt.cc - see cublasLt.h. */
#include "cublasLt.h"
#include "parts.h"

#include <stdlib.h>

static bool refusing;
static unsigned long long refused;

void emu_lt_refuse(bool refuse)
{
    refusing = refuse;
}

unsigned long long emu_lt_refused(void)
{
    return refused;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *h)
{
    *h = NULL;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t)
{
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *d, cublasComputeType_t c,
                                        cudaDataType_t)
{
    *d = (emu_desc *)malloc(sizeof **d);
    **d = {c, CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, NULL};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d)
{
    free(d);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d,
                                              cublasLtMatmulDescAttributes_t a, const void *v,
                                              size_t bytes)
{
    int32_t type = CUDA_R_32F;
    void *to = a == CUBLASLT_MATMUL_DESC_TRANSA         ? (void *)&d->a
               : a == CUBLASLT_MATMUL_DESC_TRANSB       ? (void *)&d->b
               : a == CUBLASLT_MATMUL_DESC_EPILOGUE     ? (void *)&d->epilogue
               : a == CUBLASLT_MATMUL_DESC_BIAS_POINTER ? (void *)&d->bias
                                                        : (void *)&type;
    if (bytes != (a == CUBLASLT_MATMUL_DESC_BIAS_POINTER ? sizeof d->bias : sizeof type))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    memcpy(to, v, bytes);
    if (type != CUDA_R_32F)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *l, cudaDataType_t type,
                                          uint64_t rows, uint64_t cols, int64_t ld)
{
    if (ld < (int64_t)rows)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    *l = (emu_layout *)malloc(sizeof **l);
    **l = {type, rows, cols, ld};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l)
{
    free(l);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *p)
{
    *p = (emu_preference *)calloc(1, sizeof **p);
    for (uint32_t &a : (*p)->alignment)
        a = 256;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p)
{
    free(p);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                    cublasLtMatmulPreferenceAttributes_t a,
                                                    const void *v, size_t bytes)
{
    void *to = a == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES     ? (void *)&p->workspace
               : a == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK ? (void *)&p->schemes
                                                                 : (void *)&p->alignment[a - 5];
    if (bytes !=
        (a == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES ? sizeof p->workspace : sizeof p->schemes))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    memcpy(to, v, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

/* Tensor cores take bf16 in pieces of 16 bytes. */
static bool aligned(const emu_layout *l, uint32_t alignment)
{
    return l->type != CUDA_R_16BF || (l->ld % 8 == 0 && alignment >= 16);
}

/* Some shapes with a bias find no algorithm, so that callers have another way. */
static bool takes_bias(const emu_desc *d, uint64_t rows)
{
    return d->epilogue == CUBLASLT_EPILOGUE_DEFAULT || (d->bias && rows % 4 == 0);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t d,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t out,
                                              cublasLtMatmulPreference_t p, int,
                                              cublasLtMatmulHeuristicResult_t *r, int *n)
{
    uint64_t m = d->a == CUBLAS_OP_N ? a->rows : a->cols;
    uint64_t k = d->a == CUBLAS_OP_N ? a->cols : a->rows;
    uint64_t k2 = d->b == CUBLAS_OP_N ? b->rows : b->cols;
    uint64_t cols = d->b == CUBLAS_OP_N ? b->cols : b->rows;
    bool fits = k == k2 && out->rows == m && out->cols == cols && c->rows == m && c->cols == cols &&
                aligned(a, p->alignment[0]) && aligned(b, p->alignment[1]) && takes_bias(d, m);
    *n = fits && !refusing;
    refused += !*n;
    memset(r, 0, sizeof *r);
    r->state = CUBLAS_STATUS_SUCCESS;
    memcpy(r->algo.alignment, p->alignment, sizeof p->alignment);
    return *n ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

static float element(const void *p, const emu_layout &l, bool turned, uint64_t i, uint64_t j)
{
    uint64_t at = turned ? j + i * (uint64_t)l.ld : i + j * (uint64_t)l.ld;
    if (l.type == CUDA_R_32F)
        return ((const float *)p)[at];
    uint32_t bits = (uint32_t)((const uint16_t *)p)[at] << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static float to_tf32(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    u = (u + 0x0fffu + (u >> 13 & 1u)) & ~0x1fffu;
    memcpy(&f, &u, sizeof f);
    return f;
}

struct product {
    emu_desc d;
    emu_layout la, lb, lc, lout;
    const void *a, *b;
    const float *c;
    float *out, beta;
};

static void multiply(void *arg)
{
    const product &x = *(const product *)arg;
    emu_open(true);
    uint64_t depth = x.d.a == CUBLAS_OP_N ? x.la.cols : x.la.rows;
    bool tf32 = x.d.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    for (uint64_t j = 0; j < x.lout.cols; j++)
        for (uint64_t i = 0; i < x.lout.rows; i++) {
            float s = 0;
            for (uint64_t k = 0; k < depth; k++) {
                float a = element(x.a, x.la, x.d.a == CUBLAS_OP_T, i, k);
                float b = element(x.b, x.lb, x.d.b == CUBLAS_OP_T, k, j);
                s += tf32 ? to_tf32(a) * to_tf32(b) : a * b;
            }
            if (x.beta != 0)
                s += x.beta * x.c[i + j * (uint64_t)x.lc.ld];
            if (x.d.epilogue == CUBLASLT_EPILOGUE_BIAS)
                s += x.d.bias[i];
            x.out[i + j * (uint64_t)x.lout.ld] = s;
        }
    emu_open(false);
}

/* The operands are aligned as was promised when the algorithm was chosen. */
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t d, const void *, const void *a,
                              cublasLtMatrixLayout_t la, const void *b, cublasLtMatrixLayout_t lb,
                              const void *beta, const void *c, cublasLtMatrixLayout_t lc, void *out,
                              cublasLtMatrixLayout_t lout, const cublasLtMatmulAlgo_t *algo, void *,
                              size_t, cudaStream_t)
{
    const void *const operands[4] = {a, b, c, out};
    for (int i = 0; i < 4; i++)
        if ((uintptr_t)operands[i] % algo->alignment[i] != 0)
            return CUBLAS_STATUS_NOT_SUPPORTED;
    product x = {
        *d, *la, *lb, *lc, *lout, a, b, (const float *)c, (float *)out, *(const float *)beta};
    emu_work(multiply, &x, sizeof x);
    return CUBLAS_STATUS_SUCCESS;
}
