/* bpe_encode.c - one piece to ids; see bpe.h. */
#include "base/mem.h"
#include "text/bpe_tables.h"

#include <stdlib.h>
#include <string.h>

/* Words repeat, so the ids of short pieces are kept: one slot for each value of
 * the hash, the last piece wins.  A slot is a cache line. */
enum {
    CACHE_SLOTS = 1 << 14,
    CACHED_BYTES = 26,
    CACHED_IDS = 9,
    SHORT_BYTES = 24 /* up to here a scan for the lowest rank beats the heap */
};

struct cached {
    unsigned char n_bytes, n_ids; /* n_bytes 0: empty */
    char bytes[CACHED_BYTES];
    int32_t ids[CACHED_IDS];
};

struct symbol {
    int32_t id;
    uint32_t previous, next; /* BPE_NONE at the ends */
    uint32_t rank;           /* of this symbol with the next; BPE_NONE: no rule */
};

struct bpe_encoder {
    const struct bpe *b;
    struct cached *cache;
    struct symbol *symbols;
    size_t cap;
    uint64_t *heap; /* rank << 32 | position: the order of merging */
    size_t heap_n, heap_cap;
};

struct bpe_encoder *bpe_encoder_new(const struct bpe *b)
{
    struct bpe_encoder *x = xcalloc(1, sizeof *x);
    x->b = b;
    x->cache = xcalloc(CACHE_SLOTS, sizeof *x->cache);
    return x;
}

void bpe_encoder_free(struct bpe_encoder *x)
{
    if (!x)
        return;
    free(x->cache);
    free(x->symbols);
    free(x->heap);
    free(x);
}

/* ---- the symbols to begin with ---- */

static bool first_symbols(struct bpe_encoder *x, struct str piece, size_t *n, struct err *e)
{
    const struct bpe *b = x->b;
    if (piece.n > x->cap) {
        x->cap = piece.n < 256 ? 256 : piece.n;
        x->symbols = xrealloc(x->symbols, x->cap, sizeof *x->symbols);
    }
    bool unknown = false;
    *n = 0;
    for (size_t i = 0; i < piece.n; i++) {
        int32_t id = b->byte_id[(unsigned char)piece.p[i]];
        if (id < 0) {
            if (b->unknown < 0)
                return err_set(e, ERR_DATA, "the tokenizer has no token for byte 0x%02X",
                               (unsigned char)piece.p[i]);
            if (unknown && b->fuse_unknown)
                continue;
            id = b->unknown;
            unknown = true;
        } else {
            unknown = false;
        }
        x->symbols[(*n)++].id = id;
    }
    return true;
}

/* ---- short pieces ---- */

static size_t merge_short(const struct bpe *b, struct symbol *s, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        s[i].rank = bpe_rank(b, s[i].id, s[i + 1].id);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (s[i].rank < s[best].rank)
                best = i;
        if (s[best].rank == BPE_NONE)
            break;
        s[best].id = b->merged[s[best].rank];
        n--;
        for (size_t i = best + 1; i < n; i++) {
            s[i].id = s[i + 1].id;
            s[i].rank = s[i + 1].rank;
        }
        if (best > 0)
            s[best - 1].rank = bpe_rank(b, s[best - 1].id, s[best].id);
        if (best + 1 < n)
            s[best].rank = bpe_rank(b, s[best].id, s[best + 1].id);
    }
    return n;
}

/* ---- long pieces ---- */

static void sift_down(uint64_t *h, size_t n, size_t i)
{
    uint64_t v = h[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && h[child + 1] < h[child];
        if (v <= h[child])
            break;
        h[i] = h[child];
    }
    h[i] = v;
}

static void heap_push(struct bpe_encoder *x, uint64_t v)
{
    if (x->heap_n == x->heap_cap) {
        x->heap_cap = x->heap_cap ? 2 * x->heap_cap : 256;
        x->heap = xrealloc(x->heap, x->heap_cap, sizeof *x->heap);
    }
    size_t i = x->heap_n++;
    for (; i && v < x->heap[(i - 1) / 2]; i = (i - 1) / 2)
        x->heap[i] = x->heap[(i - 1) / 2];
    x->heap[i] = v;
}

static uint64_t heap_pop(struct bpe_encoder *x)
{
    uint64_t top = x->heap[0];
    x->heap[0] = x->heap[--x->heap_n];
    if (x->heap_n)
        sift_down(x->heap, x->heap_n, 0);
    return top;
}

/* The rank of position i with its neighbour has changed. */
static void rank_again(struct bpe_encoder *x, uint32_t i)
{
    struct symbol *s = &x->symbols[i];
    s->rank = s->next == BPE_NONE ? BPE_NONE : bpe_rank(x->b, s->id, x->symbols[s->next].id);
    if (s->rank != BPE_NONE)
        heap_push(x, (uint64_t)s->rank << 32 | i);
}

/* Entries of the heap are not removed when a rank changes: one whose rank is not
 * its position's any more is stale. */
static size_t merge_long(struct bpe_encoder *x, size_t n)
{
    struct symbol *s = x->symbols;
    x->heap_n = 0;
    for (size_t i = 0; i < n; i++) {
        s[i].previous = i ? (uint32_t)i - 1 : BPE_NONE;
        s[i].next = i + 1 < n ? (uint32_t)i + 1 : BPE_NONE;
        rank_again(x, (uint32_t)i);
    }
    while (x->heap_n) {
        uint64_t top = heap_pop(x);
        uint32_t i = (uint32_t)top, rank = (uint32_t)(top >> 32);
        if (s[i].rank != rank)
            continue;
        uint32_t gone = s[i].next;
        s[i].id = x->b->merged[rank];
        s[i].next = s[gone].next;
        s[gone].rank = BPE_NONE;
        if (s[i].next != BPE_NONE)
            s[s[i].next].previous = i;
        rank_again(x, i);
        if (s[i].previous != BPE_NONE)
            rank_again(x, s[i].previous);
    }
    size_t k = 0;
    for (uint32_t i = 0; i != BPE_NONE; i = s[i].next)
        s[k++].id = s[i].id;
    return k;
}

/* ---- */

static struct cached *cache_slot(struct bpe_encoder *x, struct str piece)
{
    return &x->cache[str_hash(piece) & (CACHE_SLOTS - 1)];
}

static bool merge_piece(struct bpe_encoder *x, struct str piece, struct ids *out, struct err *e)
{
    if (x->b->ignore_merges) {
        int32_t id = bpe_find_bytes(x->b, piece);
        if (id >= 0) {
            ids_push(out, id);
            return true;
        }
    }
    size_t n;
    if (piece.n >= BPE_NONE)
        return err_set(e, ERR_DATA, "a piece of 4 GiB or more");
    if (!first_symbols(x, piece, &n, e))
        return false;
    if (n <= SHORT_BYTES)
        n = merge_short(x->b, x->symbols, n);
    else
        n = merge_long(x, n);
    for (size_t i = 0; i < n; i++)
        ids_push(out, x->symbols[i].id);
    return true;
}

bool bpe_encode(struct bpe_encoder *x, struct str piece, struct ids *out, struct err *e)
{
    if (piece.n == 0)
        return true;
    if (piece.n > CACHED_BYTES)
        return merge_piece(x, piece, out, e);
    struct cached *c = cache_slot(x, piece);
    if (c->n_bytes == piece.n && memcmp(c->bytes, piece.p, piece.n) == 0) {
        for (size_t i = 0; i < c->n_ids; i++)
            ids_push(out, c->ids[i]);
        return true;
    }
    size_t from = out->n;
    if (!merge_piece(x, piece, out, e))
        return false;
    if (out->n - from <= CACHED_IDS) {
        c->n_bytes = (unsigned char)piece.n;
        c->n_ids = (unsigned char)(out->n - from);
        memcpy(c->bytes, piece.p, piece.n);
        memcpy(c->ids, out->p + from, (out->n - from) * sizeof *c->ids);
    }
    return true;
}
