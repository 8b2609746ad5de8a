/* bpe_tables.h - the tables of struct bpe, shared by bpe.c, which reads them
 * from a file, and bpe_encode.c, which works with them. */
#ifndef TEXT_BPE_TABLES_H
#define TEXT_BPE_TABLES_H

#include "text/bpe.h"

#define BPE_NONE 0xFFFFFFFFu

struct bpe_slice { /* of a pool */
    uint32_t at, n;
};

/* From strings to ids: open addressing, slots hold id + 1. */
struct bpe_index {
    uint32_t *slots;
    size_t mask;
};

struct bpe {
    struct buf spelled_pool, bytes_pool;
    struct bpe_slice *spelled, *bytes; /* by id; n_ids of each */
    bool *exists, *in_alphabet;        /* by id */
    size_t n_ids, count;
    struct bpe_index by_spelling;
    struct bpe_index by_bytes; /* tokens of the alphabet; only with ignore_merges */

    uint64_t *pair_keys; /* left id << 32 | right id; open addressing, empty: ~0 */
    uint32_t *pair_ranks;
    size_t pair_mask;
    int32_t *merged; /* by rank: the id that the pair becomes */

    int32_t byte_id[256]; /* -1: no token */
    int32_t unknown;      /* -1: none */
    bool fuse_unknown;
    bool ignore_merges; /* a piece that is a token is that token */
};

static inline size_t bpe_pair_slot(uint64_t key, size_t mask)
{
    key *= 0x9E3779B97F4A7C15u;
    return (size_t)(key ^ key >> 32) & mask;
}

/* The rank of a pair, or BPE_NONE if no rule merges it. */
static inline uint32_t bpe_rank(const struct bpe *b, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    for (size_t k = bpe_pair_slot(key, b->pair_mask);; k = (k + 1) & b->pair_mask) {
        if (b->pair_keys[k] == key)
            return b->pair_ranks[k];
        if (b->pair_keys[k] == UINT64_MAX)
            return BPE_NONE;
    }
}

/* The id of a token of the alphabet by its bytes; -1 if there is none. */
int32_t bpe_find_bytes(const struct bpe *b, struct str bytes);

#endif
