/* pack.c - see pack.h. */
#include "engine/pack.h"
#include "base/mem.h"
#include "model/kvcache.h"
#include "compute/ops.h"

#include <stdlib.h>
#include <string.h>

size_t row_positions(const struct engine_row *r)
{
    return r->n ? r->n - 1 : 0;
}

struct size {
    size_t tokens, pages;
};

static struct size size_of(const struct engine_group *g, size_t first, size_t end)
{
    struct size s = {g->n_prompt, pages_for(g->n_prompt)};
    for (size_t i = first; i < end; i++) {
        s.tokens += row_positions(&g->rows[i]);
        s.pages += pages_for(row_positions(&g->rows[i]));
    }
    return s;
}

static bool fits(struct size a, struct size b, size_t micro_tokens)
{
    return a.tokens + b.tokens <= micro_tokens &&
           (a.pages + b.pages) * OPS_KV_BLOCK <= PACK_KEYS * micro_tokens;
}

static bool has_rows(const struct engine_group *g)
{
    for (size_t i = 0; i < g->n_rows; i++)
        if (g->rows[i].n)
            return true;
    return false;
}

/* Where the piece that begins at row `first` ends: as many rows as fit, at least one. */
static size_t piece_end(const struct engine_group *g, size_t first, size_t micro_tokens)
{
    size_t end = first + 1;
    while (end < g->n_rows && fits(size_of(g, first, end + 1), (struct size){0, 0}, micro_tokens))
        end++;
    return end;
}

static void add_piece(struct packing *p, struct piece piece, struct size s, size_t micro_tokens)
{
    struct micro *last = p->n_micros ? &p->micros[p->n_micros - 1] : NULL;
    if (!last || !fits((struct size){last->tokens, last->pages}, s, micro_tokens)) {
        if (p->n_micros == p->cap_micros) {
            p->cap_micros = p->cap_micros ? 2 * p->cap_micros : 16;
            p->micros = xrealloc(p->micros, p->cap_micros, sizeof *p->micros);
        }
        last = &p->micros[p->n_micros++];
        *last = (struct micro){.first = p->n_pieces};
    }
    if (p->n_pieces == p->cap_pieces) {
        p->cap_pieces = p->cap_pieces ? 2 * p->cap_pieces : 64;
        p->pieces = xrealloc(p->pieces, p->cap_pieces, sizeof *p->pieces);
    }
    p->pieces[p->n_pieces++] = piece;
    last->n++;
    last->tokens += s.tokens;
    last->pages += s.pages;
}

void pack_groups(struct packing *p, const struct engine_group *groups, size_t n_groups,
                 size_t micro_tokens)
{
    p->n_pieces = p->n_micros = 0;
    for (size_t i = 0; i < n_groups; i++) {
        const struct engine_group *g = &groups[i];
        if (!has_rows(g))
            continue;
        for (size_t first = 0, end; first < g->n_rows; first = end) {
            end = piece_end(g, first, micro_tokens);
            add_piece(p, (struct piece){i, first, end}, size_of(g, first, end), micro_tokens);
        }
    }
}

void packing_free(struct packing *p)
{
    free(p->pieces);
    free(p->micros);
    memset(p, 0, sizeof *p);
}

void pack_bounds(const struct engine_group *groups, size_t n_groups, size_t micro_tokens,
                 size_t *tokens, size_t *pages)
{
    size_t largest = 0, most_pages = 0;
    struct size all = {0}; /* every row with a prompt of its own */
    double pages_per_token = 0;
    for (size_t i = 0; i < n_groups; i++) {
        const struct engine_group *g = &groups[i];
        for (size_t first = 0, end; has_rows(g) && first < g->n_rows; first = end) {
            end = piece_end(g, first, micro_tokens);
            struct size s = size_of(g, first, end);
            largest = s.tokens > largest ? s.tokens : largest;
            most_pages = s.pages > most_pages ? s.pages : most_pages;
            if ((double)s.pages > pages_per_token * (double)s.tokens)
                pages_per_token = (double)s.pages / (double)s.tokens;
        }
        for (size_t k = 0; k < g->n_rows; k++) { /* minibatches of single rows */
            struct size s = size_of(g, k, k + 1);
            if (!g->rows[k].n)
                continue;
            if ((double)s.pages > pages_per_token * (double)s.tokens)
                pages_per_token = (double)s.pages / (double)s.tokens;
            all.tokens += s.tokens;
            all.pages += s.pages;
        }
    }
    size_t dense = (size_t)(pages_per_token * (double)micro_tokens) + 1;
    size_t allowed = PACK_KEYS * micro_tokens / OPS_KV_BLOCK;
    *tokens = largest > micro_tokens ? largest : micro_tokens;
    *tokens = *tokens < all.tokens ? *tokens : all.tokens ? all.tokens : 1;
    *pages = dense < allowed ? dense : allowed;
    *pages = *pages > most_pages ? *pages : most_pages;
    *pages = *pages < all.pages ? *pages : all.pages ? all.pages : 1;
}
