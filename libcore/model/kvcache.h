/* kvcache.h - who owns which page of the key/value caches.
 *
 * A page holds one block of positions (OPS_KV_BLOCK) in every layer.  Low page
 * numbers are given out first, so memory that is not needed is never touched. */
#ifndef MODEL_KVCACHE_H
#define MODEL_KVCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct page_pool {
    int32_t *free; /* a binary heap, the lowest number on top */
    size_t n_free, n_pages;
};

void page_pool_init(struct page_pool *p, size_t n_pages);
void page_pool_free(struct page_pool *p);

/* A run of positions: its pages in order. */
struct page_run {
    int32_t *pages;
    size_t n, cap;
};

size_t pages_for(size_t positions);

/* The list can hold pages for `positions` without allocating. */
void page_run_reserve(struct page_run *r, size_t positions);

/* Makes room for `positions`; false, and nothing taken, if the pool has not so many. */
bool page_run_grow(struct page_pool *p, struct page_run *r, size_t positions);
void page_run_clear(struct page_pool *p, struct page_run *r); /* gives the pages back */
void page_run_free(struct page_run *r);                       /* the list; after clear */

#endif
