/* rng.c - see rng.h. */
#include "base/rng.h"

#include <math.h>
#include <string.h>

void rng_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

static void draw(uint64_t seed, uint64_t stream, uint32_t i, uint32_t j, uint64_t out[2])
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {j, i, (uint32_t)stream, (uint32_t)(stream >> 32)};
    uint32_t v[4];
    rng_philox(key, counter, v);
    out[0] = (uint64_t)v[1] << 32 | v[0];
    out[1] = (uint64_t)v[3] << 32 | v[2];
}

uint64_t rng_u64(uint64_t seed, uint64_t stream, uint32_t i, uint32_t j)
{
    uint64_t v[2];
    draw(seed, stream, i, j, v);
    return v[0];
}

static double unit(uint64_t v)
{
    return (double)(v >> 11) * 0x1p-53;
}

double rng_uniform(uint64_t seed, uint64_t stream, uint32_t i, uint32_t j)
{
    return unit(rng_u64(seed, stream, i, j));
}

/* Natural logarithm of x in (0, 1] by additions, products and divisions only,
 * which IEEE 754 rounds alike everywhere; libm's may differ in the last bit. */
static double log_exactly_specified(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, 8);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0xFFFFFFFFFFFFFu) | (uint64_t)1023 << 52;
    double m;
    memcpy(&m, &bits, 8);
    if (m > 1.4142135623730951)
        m *= 0.5, exponent++;
    double s = (m - 1) / (m + 1), z = s * s, sum = 0;
    for (int k = 23; k >= 1; k -= 2) /* 2 atanh(s), |s| < 0.172 */
        sum = sum * z + 1.0 / k;
    return 2 * s * sum + exponent * 0.6931471805599453;
}

double rng_gaussian(uint64_t seed, uint64_t stream, uint32_t i)
{
    for (uint32_t attempt = 0;; attempt++) { /* Marsaglia's polar method */
        uint64_t v[2];
        draw(seed, stream, i, attempt, v);
        double x = 2 * unit(v[0]) - 1, y = 2 * unit(v[1]) - 1, s = x * x + y * y;
        if (s > 0 && s < 1)
            return x * sqrt(-2 * log_exactly_specified(s) / s);
    }
}

/* A number below n without bias: the high part of the product, the few
 * values of its low part that would be too frequent are drawn again. */
static uint64_t below(uint64_t seed, uint64_t stream, uint32_t i, uint64_t n)
{
    for (uint32_t attempt = 0;; attempt++) {
        __extension__ typedef unsigned __int128 u128;
        u128 product = (u128)rng_u64(seed, stream, i, attempt) * n;
        if ((uint64_t)product >= (0 - n) % n)
            return (uint64_t)(product >> 64);
    }
}

void rng_permutation(uint64_t seed, uint64_t stream, size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++) { /* Fisher and Yates, inside out */
        size_t k = (size_t)below(rng_mix(seed, i >> 32), stream, (uint32_t)i, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
}

uint64_t rng_mix(uint64_t a, uint64_t b)
{
    uint64_t x = a + b * 0x9E3779B97F4A7C15u; /* then the finaliser of splitmix64, a bijection */
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}
