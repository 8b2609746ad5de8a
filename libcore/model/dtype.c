/* dtype.c - see dtype.h.  The machine is little-endian, as the format is. */
#include "model/dtype.h"
#include "base/err.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are stored little-endian");

static const struct {
    const char *name, *option;
    size_t bytes;
} types[N_DTYPES] = {
    [DTYPE_F32] = {"F32", "f32", 4},
    [DTYPE_BF16] = {"BF16", "bf16", 2},
    [DTYPE_F16] = {"F16", "f16", 2},
    [DTYPE_F64] = {"F64", "f64", 8},
    [DTYPE_I64] = {"I64", "i64", 8},
    [DTYPE_I32] = {"I32", "i32", 4},
    [DTYPE_I16] = {"I16", "i16", 2},
    [DTYPE_I8] = {"I8", "i8", 1},
    [DTYPE_U64] = {"U64", "u64", 8},
    [DTYPE_U32] = {"U32", "u32", 4},
    [DTYPE_U16] = {"U16", "u16", 2},
    [DTYPE_U8] = {"U8", "u8", 1},
    [DTYPE_BOOL] = {"BOOL", "bool", 1},
    [DTYPE_F8_E4M3] = {"F8_E4M3", "f8_e4m3", 1},
    [DTYPE_F8_E5M2] = {"F8_E5M2", "f8_e5m2", 1},
    [DTYPE_F8_E8M0] = {"F8_E8M0", "f8_e8m0", 1},
    [DTYPE_C64] = {"C64", "c64", 8},
};

const char *dtype_name(enum dtype t)
{
    return types[t].name;
}

const char *dtype_option(enum dtype t)
{
    return types[t].option;
}

size_t dtype_bytes(enum dtype t)
{
    return types[t].bytes;
}

bool dtype_parse(struct str name, enum dtype *t)
{
    for (int i = 0; i < N_DTYPES; i++)
        if (str_is(name, types[i].name)) {
            *t = (enum dtype)i;
            return true;
        }
    return false;
}

static uint32_t f16_bits(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3FF;
    if (exponent == 31) /* infinity, NaN */
        return sign | 0x7F800000u | mantissa << 13;
    if (exponent)
        return sign | (exponent + 112) << 23 | mantissa << 13;
    if (!mantissa)
        return sign;
    for (exponent = 113; !(mantissa & 0x400);
         exponent--) /* subnormal: every one is normal in f32 */
        mantissa <<= 1;
    return sign | exponent << 23 | (mantissa & 0x3FF) << 13;
}

void dtype_to_f32(enum dtype t, const void *src, float *dst, size_t n)
{
    ASSERT(t == DTYPE_F32 || t == DTYPE_BF16 || t == DTYPE_F16);
    if (t == DTYPE_F32) {
        memcpy(dst, src, n * 4);
        return;
    }
    const char *p = src;
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, p + 2 * i, 2);
        uint32_t u = t == DTYPE_BF16 ? (uint32_t)h << 16 : f16_bits(h);
        memcpy(dst + i, &u, 4);
    }
}

void dtype_from_f32(enum dtype t, const float *src, void *dst, size_t n)
{
    ASSERT(t == DTYPE_F32 || t == DTYPE_BF16);
    if (t == DTYPE_F32) {
        memcpy(dst, src, n * 4);
        return;
    }
    uint16_t *out = dst;
    for (size_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, src + i, 4);
        if ((u & 0x7FFFFFFFu) > 0x7F800000u)
            out[i] = (uint16_t)(u >> 16 | 0x40);
        else
            out[i] = (uint16_t)((u + 0x7FFF + (u >> 16 & 1)) >> 16);
    }
}
