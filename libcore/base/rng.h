/* rng.h - random numbers as a function of what they are for.
 *
 * Philox4x32-10 (Salmon et al., SC 2011), keyed by the seed: the counter says
 * which number is meant, so that a draw depends neither on the draws before it
 * nor on threads, order or batch.  Every function gives the same value on every machine. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

void rng_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* The number (stream, i, j) of the seed. */
uint64_t rng_u64(uint64_t seed, uint64_t stream, uint32_t i, uint32_t j);
double rng_uniform(uint64_t seed, uint64_t stream, uint32_t i, uint32_t j); /* [0, 1), 53 bits */

/* The i-th number of N(0, 1) of a stream. */
double rng_gaussian(uint64_t seed, uint64_t stream, uint32_t i);

/* order[0..n) becomes a permutation of 0..n-1, all of them equally likely. */
void rng_permutation(uint64_t seed, uint64_t stream, size_t *order, size_t n);

/* Two ids into one, without collisions for equal a: a name and a round, say. */
uint64_t rng_mix(uint64_t a, uint64_t b);

#endif
