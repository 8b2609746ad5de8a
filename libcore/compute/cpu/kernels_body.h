/* kernels_body.h - the inner loops, compiled once for each instruction set.
 * The includer defines KERNELS, the name of its table, and the set (simd.h). */
#include "compute/cpu/simd.h"

#include <math.h>

#include "compute/cpu/kernels.h"

#include "compute/cpu/gemm_body.h"
#include "compute/cpu/rows_body.h"
#include "compute/cpu/softmax_body.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define STRING_(s)  #s
#define STRING(s)   STRING_(s)

const struct kernels JOIN(kernels_, KERNELS) = {
    .name = STRING(KERNELS),
    .gemm = {gemm_f32, gemm_bf16, gemm_pairs},
    .peak = peak,
    .inverse_rms = inverse_rms,
    .norm = norm,
    .norm_grad = norm_grad,
    .norm_dw = norm_dw,
    .rope = rope,
    .swiglu = swiglu,
    .swiglu_grad = swiglu_grad,
    .add = add,
    .round_bf16 = round_bf16_row,
    .round_panel = round_panel,
    .widen_panel = widen_panel,
    .softmax_block = softmax_block,
    .softmax_end = softmax_end,
    .softmax_again = softmax_again,
    .softmax_grad = softmax_grad,
    .vocab_block = vocab_block,
    .vocab_grad = vocab_grad,
    .exp_row = exp_row,
    .adamw = adamw,
    .dot = dot,
    .pack_rows = pack_rows,
    .pack_columns = pack_columns,
    .pack_pair_columns = pack_pair_columns,
    .pack_pair_rows = pack_pair_rows,
};
