/* lengths.c - see lengths.h. */
#include "report/lengths.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Above LENGTHS_EXACT = 2^16: 256 buckets for each power of two. */
static size_t bucket_of(uint64_t v)
{
    if (v < LENGTHS_EXACT)
        return (size_t)v;
    int power = 63 - __builtin_clzll(v);
    return LENGTHS_EXACT + (size_t)(power - 16) * 256 + (size_t)(v >> (power - 8)) - 256;
}

static uint64_t least_in(size_t bucket)
{
    if (bucket < LENGTHS_EXACT)
        return bucket;
    size_t above = bucket - LENGTHS_EXACT;
    return (uint64_t)(above % 256 + 256) << (above / 256 + 8);
}

void lengths_add(struct lengths *l, uint64_t v)
{
    size_t b = bucket_of(v);
    if (b >= l->n_buckets) {
        size_t n = l->n_buckets ? l->n_buckets : 64;
        while (n <= b)
            n *= 2;
        l->bucket = xrealloc(l->bucket, n, sizeof *l->bucket);
        memset(l->bucket + l->n_buckets, 0, (n - l->n_buckets) * sizeof *l->bucket);
        l->n_buckets = n;
    }
    l->bucket[b]++;
    l->least = l->count && l->least < v ? l->least : v;
    l->largest = l->largest > v ? l->largest : v;
    l->count++;
    l->sum += v;
}

void lengths_free(struct lengths *l)
{
    free(l->bucket);
    *l = (struct lengths){0};
}

double lengths_mean(const struct lengths *l)
{
    return l->count ? (double)l->sum / (double)l->count : 0;
}

uint64_t lengths_quantile(const struct lengths *l, double q)
{
    uint64_t want = (uint64_t)ceil(q * (double)l->count), seen = 0;
    for (size_t b = 0; b < l->n_buckets; b++)
        if (l->bucket[b] && (seen += l->bucket[b]) >= want)
            return least_in(b);
    return 0;
}
