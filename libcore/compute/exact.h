/* exact.h - exp and log in double that give the same bits on every machine.
 *
 * libm chooses its code by the CPU, so its last bits differ between machines.
 * These use additions, multiplications and divisions only (never contracted),
 * and are within 2 ulp. */
#ifndef COMPUTE_EXACT_H
#define COMPUTE_EXACT_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define EXACT_FN static inline __host__ __device__
#else
#define EXACT_FN static inline
#endif

/* exp(x); 0 below -708, infinity above 709. */
EXACT_FN double exact_exp(double x)
{
    if (!(x >= -708))
        return x < -708 ? 0 : x;
    if (x > 709)
        return HUGE_VAL;
    const double magic = 6755399441055744.0; /* 1.5 * 2^52: rounds to a whole number */
    double n = (x * 1.4426950408889634 + magic) - magic;
    double r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
    double p = 1.0 / 6227020800; /* Taylor to r^13, |r| <= ln 2 / 2 */
    static const double c[13] = {1.0 / 479001600,
                                 1.0 / 39916800,
                                 1.0 / 3628800,
                                 1.0 / 362880,
                                 1.0 / 40320,
                                 1.0 / 5040,
                                 1.0 / 720,
                                 1.0 / 120,
                                 1.0 / 24,
                                 1.0 / 6,
                                 1.0 / 2,
                                 1,
                                 1};
    for (int i = 0; i < 13; i++)
        p = p * r + c[i];
    uint64_t bits = (uint64_t)((int64_t)n + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* log(x) for normal x > 0; anything else gives NaN. */
EXACT_FN double exact_log(double x)
{
    if (!(x >= 2.2250738585072014e-308 && x < HUGE_VAL))
        return (double)NAN;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffull) | 0x3ff0000000000000ull;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        e++;
    }
    double s = (m - 1) / (m + 1), z = s * s, p = 0; /* log m = 2 atanh(s), |s| < 0.172 */
    for (int i = 23; i >= 3; i -= 2)
        p = (p + 1.0 / i) * z;
    return e * 0.693147180369123816490 + (2 * s + (2 * s * p + e * 1.90821492927058770002e-10));
}

#endif
