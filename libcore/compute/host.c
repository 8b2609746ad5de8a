/* host.c - see host.h. */
#define _GNU_SOURCE
#include "compute/host.h"
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, HUGE_PAGE = 2 << 20 };

/* Large blocks ask for huge pages: weights are read in long runs, and fewer
 * misses of the TLB are a few per cent of a decode step.  Their zeros are those of fresh pages,
 * so what is never used of a block (most of a large cache) costs nothing.  The
 * block that calloc gave is kept just before the aligned one. */
void *host_alloc(struct backend *b, size_t bytes, struct err *e)
{
    (void)b;
    size_t align = bytes >= 4 * (size_t)HUGE_PAGE ? HUGE_PAGE : ALIGN;
    size_t extra = align + sizeof(void *);
    char *block = bytes <= SIZE_MAX - extra ? calloc(1, bytes + extra) : NULL;
    if (!block) {
        err_set(e, ERR_DEVICE, "not enough memory (%zu bytes were asked for)", bytes);
        return NULL;
    }
    uintptr_t first = (uintptr_t)block + sizeof(void *);
    void **p = (void **)((first + align - 1) / align * align);
    p[-1] = block;
    if (align == HUGE_PAGE)
        (void)madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

uint64_t host_memory(struct backend *b)
{
    (void)b;
    return 0;
}

void host_free(struct backend *b, void *p)
{
    (void)b;
    if (p)
        free(((void **)p)[-1]);
}

void host_copy(struct backend *b, void *to, const void *from, size_t bytes)
{
    (void)b;
    if (bytes)
        memcpy(to, from, bytes);
}

void host_zero(struct backend *b, void *p, size_t bytes)
{
    (void)b;
    if (bytes)
        memset(p, 0, bytes);
}

bool host_views(struct backend *b)
{
    (void)b;
    return true;
}

size_t host_lanes(struct backend *b)
{
    (void)b;
    return 1;
}

void host_run_lanes(struct backend *b, size_t n, lane_fn *fn, void *arg)
{
    for (size_t i = 0; i < n; i++)
        fn(b, i, arg);
}

bool host_seqs_init(struct host_seqs *s, const struct plan_size *size, struct err *e)
{
    *s = (struct host_seqs){
        .max_rows = size->n_rows, .max_seqs = size->n_seqs, .max_pages = size->n_pages};
    s->seqs = calloc(size->n_seqs + 1, sizeof *s->seqs);
    s->pages = calloc(size->n_pages + 1, sizeof *s->pages);
    if (s->seqs && s->pages)
        return true;
    host_seqs_free(s);
    return err_set(e, ERR_DEVICE, "not enough memory for %zu sequences of a batch", size->n_seqs);
}

void host_seqs_free(struct host_seqs *s)
{
    free(s->seqs);
    free(s->pages);
    *s = (struct host_seqs){0};
}

static size_t n_pages(size_t n_keys)
{
    return (n_keys + OPS_KV_BLOCK - 1) / OPS_KV_BLOCK;
}

bool host_seqs_share(const struct attn_seq *a, const struct attn_seq *b)
{
    return a->n_shared == b->n_shared &&
           (a->shared_pages == b->shared_pages || a->n_shared == 0 ||
            memcmp(a->shared_pages, b->shared_pages,
                   n_pages(a->n_shared) * sizeof *a->shared_pages) == 0);
}

void host_seqs_set(struct host_seqs *s, const struct attn_seq *seqs, size_t n)
{
    ASSERT(n <= s->max_seqs);
    size_t used = 0, rows = 0;
    for (size_t i = 0; i < n; i++) {
        struct attn_seq *to = &s->seqs[i];
        bool same = i && host_seqs_share(&seqs[i - 1], &seqs[i]);
        size_t shared = same ? 0 : n_pages(seqs[i].n_shared), own = n_pages(seqs[i].n_keys);
        ASSERT(used + shared + own <= s->max_pages && seqs[i].row >= rows &&
               seqs[i].n_rows <= seqs[i].n_keys);
        *to = seqs[i];
        to->shared_pages = same ? s->seqs[i - 1].shared_pages : s->pages + used;
        if (shared)
            memcpy(s->pages + used, seqs[i].shared_pages, shared * sizeof *s->pages);
        used += shared;
        to->pages = s->pages + used;
        if (own)
            memcpy(s->pages + used, seqs[i].pages, own * sizeof *s->pages);
        used += own;
        rows = seqs[i].row + seqs[i].n_rows;
    }
    ASSERT(rows <= s->max_rows);
    s->n = n;
}
