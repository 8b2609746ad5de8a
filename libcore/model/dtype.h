/* dtype.h - element types of stored tensors, and their exact conversions. */
#ifndef MODEL_DTYPE_H
#define MODEL_DTYPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* All that the safetensors format names with a whole number of bytes.  Weights
 * are F32, BF16 or F16; the others are recognised so that messages can say
 * what was seen. */
enum dtype {
    DTYPE_F32,
    DTYPE_BF16,
    DTYPE_F16,
    DTYPE_F64,
    DTYPE_I64,
    DTYPE_I32,
    DTYPE_I16,
    DTYPE_I8,
    DTYPE_U64,
    DTYPE_U32,
    DTYPE_U16,
    DTYPE_U8,
    DTYPE_BOOL,
    DTYPE_F8_E4M3,
    DTYPE_F8_E5M2,
    DTYPE_F8_E8M0,
    DTYPE_C64,
    N_DTYPES
};

const char *dtype_name(enum dtype t);   /* as in safetensors: "BF16" */
const char *dtype_option(enum dtype t); /* as in options: "bf16" */
size_t dtype_bytes(enum dtype t);
bool dtype_parse(struct str name, enum dtype *t);

/* f32 from n little-endian elements of F32, BF16 or F16 at `src`, which need not
 * be aligned.  Exact. */
void dtype_to_f32(enum dtype t, const void *src, float *dst, size_t n);

/* F32 or BF16 (round to nearest even, NaN stays a quiet NaN) from f32. */
void dtype_from_f32(enum dtype t, const float *src, void *dst, size_t n);

#endif
