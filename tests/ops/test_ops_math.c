/* test_ops_math.c - the arithmetic under the kernels: fma without the
 * instruction, exp of sixteen lanes, exp and log in double, bf16. */
#include "../tap.h"
#include "compute/cpu/simd.h"
#include "compute/exact.h"

#include <stdbool.h>

static uint32_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 32);
}

static bool same(float a, float b)
{
    return float_bits(a) == float_bits(b) || (a != a && b != b);
}

static void fma_is_correctly_rounded(void)
{
    uint64_t seed = 1;
    for (int i = 0; i < 2000000; i++) {
        /* Any bits; then exponents near each other, where sums cancel; then middles of floats. */
        float a = bits_float(next(&seed)), b = bits_float(next(&seed)), c = bits_float(next(&seed));
        CHECK(same(fma_float(a, b, c), fmaf(a, b, c)));
        a = bits_float(0x3f800000u | (next(&seed) & 0xfff001u));
        b = bits_float(0x3f800000u | (next(&seed) & 0xfff001u));
        c = bits_float((0x33000000u + (next(&seed) & 0x8f800000u)) | (next(&seed) & 1));
        CHECK(same(fma_float(a, b, c), fmaf(a, b, c)));
        c = -(a * b);
        CHECK(same(fma_float(a, b, c), fmaf(a, b, c)));
        a = bits_float(next(&seed) >> 6); /* tiny: results below the normal floats */
        c = bits_float(next(&seed) >> 9);
        CHECK(same(fma_float(a, b, c), fmaf(a, b, c)));
    }
}

static void exp_is_near(void)
{
    double worst = 0;
    for (int i = -880000; i < 880000; i += 16) {
        float x[16], y[16];
        for (int l = 0; l < 16; l++)
            x[l] = (float)(i + l) * 1e-4f;
        v16_store(y, v16_exp(v16_load(x)));
        for (int l = 0; l < 16; l++) {
            double want = exp((double)x[l]);
            if (x[l] > -87.3f)
                worst = fmax(worst, fabs((double)y[l] - want) / want);
        }
    }
    CHECK(worst < 1.2e-7);
    static const float special[16] = {0,     -0.0f, -88, -HUGE_VALF, -1e30f, 1e-45f, NAN, -87.4f,
                                      88.3f, 89,    500, HUGE_VALF,  0,      0,      0,   0};
    float y[16];
    v16_store(y, v16_exp(v16_load(special)));
    CHECK(y[0] == 1 && y[1] == 1 && y[2] == 0 && y[3] == 0 && y[4] == 0 && y[5] == 1);
    CHECK(y[6] != y[6] && y[7] == 0);
    for (int l = 8; l < 12; l++)
        CHECK(isfinite(y[l]) && y[l] > 2e38f);
}

static void double_functions_are_near(void)
{
    for (double x = -700; x < 700; x += 0.0371)
        CHECK_NEAR(exact_exp(x) / exp(x), 1, 1e-15);
    for (double x = 1e-300; x < 1e300; x *= 1.37)
        CHECK_NEAR(exact_log(x), log(x), 3e-16 * fabs(log(x)) + 1e-16);
    CHECK(exact_exp(0) == 1 && exact_log(1) == 0 && exact_exp(-HUGE_VAL) == 0);
    CHECK(exact_exp(-1000) == 0 && exact_exp(1000) == HUGE_VAL && exact_exp((double)NAN) != 0);
    CHECK(isnan(exact_log(0)) && isnan(exact_log(-1)) && isnan(exact_log((double)NAN)));
}

static void bf16_rounds_to_even(void)
{
    CHECK(to_bf16(1) == 0x3f80 && from_bf16(0x3f80) == 1);
    CHECK(to_bf16(bits_float(0x3f808000)) == 0x3f80 && to_bf16(bits_float(0x3f818000)) == 0x3f82);
    CHECK(to_bf16(bits_float(0x3f808001)) == 0x3f81 && to_bf16(bits_float(0x7f7fffff)) == 0x7f80);
    CHECK(to_bf16(bits_float(0x7f800001)) == 0x7fc0 && to_bf16(bits_float(0xff800000)) == 0xff80);
    CHECK(to_bf16(bits_float(0x00000001)) == 0 && to_bf16(-0.0f) == 0x8000);
}

int main(void)
{
    static const struct test tests[] = {
        {"fma without the instruction is correctly rounded", fma_is_correctly_rounded},
        {"exp is near, and tame at the ends", exp_is_near},
        {"exp and log in double are near", double_functions_are_near},
        {"bf16 rounds to nearest, to even", bf16_rounds_to_even},
    };
    return TAP_RUN(tests);
}
