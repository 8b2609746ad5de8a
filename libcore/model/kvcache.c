/* kvcache.c - see kvcache.h. */
#include "model/kvcache.h"
#include "base/err.h"
#include "base/mem.h"
#include "compute/ops.h"

#include <stdlib.h>
#include <string.h>

void page_pool_init(struct page_pool *p, size_t n_pages)
{
    ASSERT(n_pages <= INT32_MAX);
    p->free = xmalloc(n_pages * sizeof *p->free);
    p->n_free = p->n_pages = n_pages;
    for (size_t i = 0; i < n_pages; i++) /* rising numbers are a heap */
        p->free[i] = (int32_t)i;
}

void page_pool_free(struct page_pool *p)
{
    free(p->free);
    memset(p, 0, sizeof *p);
}

static int32_t take(struct page_pool *p)
{
    int32_t top = p->free[0], last = p->free[--p->n_free];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < p->n_free; at = child) {
        if (child + 1 < p->n_free && p->free[child + 1] < p->free[child])
            child++;
        if (last <= p->free[child])
            break;
        p->free[at] = p->free[child];
    }
    p->free[at] = last;
    return top;
}

static void give(struct page_pool *p, int32_t page)
{
    size_t at = p->n_free++;
    for (; at && p->free[(at - 1) / 2] > page; at = (at - 1) / 2)
        p->free[at] = p->free[(at - 1) / 2];
    p->free[at] = page;
}

size_t pages_for(size_t positions)
{
    return (positions + OPS_KV_BLOCK - 1) / OPS_KV_BLOCK;
}

void page_run_reserve(struct page_run *r, size_t positions)
{
    if (pages_for(positions) <= r->cap)
        return;
    r->cap = pages_for(positions);
    r->pages = xrealloc(r->pages, r->cap, sizeof *r->pages);
}

bool page_run_grow(struct page_pool *p, struct page_run *r, size_t positions)
{
    size_t want = pages_for(positions);
    if (want <= r->n)
        return true;
    if (want - r->n > p->n_free)
        return false;
    page_run_reserve(r, positions);
    while (r->n < want)
        r->pages[r->n++] = take(p);
    return true;
}

void page_run_clear(struct page_pool *p, struct page_run *r)
{
    while (r->n)
        give(p, r->pages[--r->n]);
}

void page_run_free(struct page_run *r)
{
    free(r->pages);
    memset(r, 0, sizeof *r);
}
