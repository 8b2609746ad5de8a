/* test_rng.c - the generator against its published vectors, and what is built on it. */
#include "../tap.h"
#include "base/rng.h"

#include <stdint.h>

static void philox_gives_the_published_numbers(void)
{
    /* Random123, kat_vectors: counter, key, result */
    static const uint32_t v[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
         0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
         0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        rng_philox(v[i] + 4, v[i], out);
        CHECK(memcmp(out, v[i] + 6, sizeof out) == 0);
    }
}

static void uniforms_cover_the_unit_interval(void)
{
    double sum = 0, low = 1, high = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        double u = rng_uniform(7, 3, i / 300, i % 300);
        sum += u;
        low = fmin(low, u), high = fmax(high, u);
    }
    CHECK(low >= 0 && low < 1e-3 && high < 1 && high > 0.999);
    CHECK_NEAR(sum / 100000, 0.5, 0.005);
    CHECK(rng_u64(7, 3, 1, 2) != rng_u64(7, 3, 2, 1) && rng_u64(7, 3, 1, 2) != rng_u64(8, 3, 1, 2));
}

static void gaussians_have_their_moments(void)
{
    enum { N = 200000 };
    double m[5] = {0};
    for (uint32_t i = 0; i < N; i++) {
        double g = rng_gaussian(11, 5, i);
        for (double p = 1, *q = m; q < m + 5; q++, p *= g)
            *q += p / N;
    }
    CHECK_NEAR(m[1], 0, 0.01);
    CHECK_NEAR(m[2], 1, 0.02);
    CHECK_NEAR(m[3], 0, 0.05);
    CHECK_NEAR(m[4], 3, 0.1);
}

static void permutations_are_fair(void)
{
    size_t order[5], place[5][5] = {{0}};
    for (uint64_t s = 0; s < 20000; s++) {
        unsigned seen = 0;
        rng_permutation(1, s, order, 5);
        for (size_t i = 0; i < 5; i++) {
            CHECK(order[i] < 5);
            seen |= 1u << order[i];
            place[i][order[i]]++;
        }
        CHECK(seen == 31);
    }
    for (size_t i = 0; i < 25; i++)
        CHECK_NEAR((double)place[i / 5][i % 5], 4000, 300);
}

int main(void)
{
    static const struct test t[] = {
        {"philox gives the published numbers", philox_gives_the_published_numbers},
        {"uniforms cover the unit interval", uniforms_cover_the_unit_interval},
        {"gaussians have their moments", gaussians_have_their_moments},
        {"permutations are fair", permutations_are_fair},
    };
    return TAP_RUN(t);
}
