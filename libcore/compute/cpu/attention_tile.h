/* attention_tile.h - rows of an item stacked with the query heads that share a
 * key/value head: what the forward and the backward pass both walk over. */
#ifndef COMPUTE_CPU_ATTENTION_TILE_H
#define COMPUTE_CPU_ATTENTION_TILE_H

#include "compute/cpu/cpu.h"

/* Stacked row i is row i / heads, query head first_head + i % heads. */
struct attn_tile {
    const struct kv *kv;
    size_t layer, kv_head;
    size_t first_head, heads;
    size_t rows; /* stacked: rows x heads */
};

/* The task number of (item, key/value head, part of its query heads). */
struct attn_tile attn_tile_of(const struct attn_plan *plan, const struct kv *kv, size_t layer,
                              size_t kv_head, size_t part, size_t n_rows);

/* Copies the stacked rows' heads out of `from`: row r of the tile is row `row + r`. */
void attn_tile_load(const struct attn_tile *t, float *to, size_t to_row, struct rows from,
                    size_t row, size_t n_rows);

/* s[rows][64] = q k^T of a page's first n keys. */
void attn_tile_scores(struct cpu *c, const struct attn_tile *t, const float *q, size_t rows,
                      int32_t page, size_t n, float *s);

#endif
