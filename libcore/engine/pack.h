/* pack.h - inside the engine: groups cut into micro-batches.
 *
 * A function of the groups and of micro_tokens only, since it bears on the
 * order in which gradients are summed.  A micro-batch is whole groups in their
 * order as long as they fit; a group that does not fit alone is cut between
 * rows, each piece with the prompt again.  What counts is rows of activations
 * and blocks of keys, so that many very short responses do not fill the caches. */
#ifndef ENGINE_PACK_H
#define ENGINE_PACK_H

#include <stddef.h>

#include "engine/engine.h"

enum { PACK_KEYS = 4 }; /* key positions, blocks filled up, allowed for each of micro_tokens */

/* Rows [first, end) of a group, those with n = 0 left out. */
struct piece {
    size_t group, first, end;
};

struct micro {
    size_t first, n; /* pieces */
    size_t tokens, pages;
};

struct packing {
    struct piece *pieces;
    size_t n_pieces, cap_pieces;
    struct micro *micros;
    size_t n_micros, cap_micros;
};

void pack_groups(struct packing *p, const struct engine_group *groups, size_t n_groups,
                 size_t micro_tokens);
void packing_free(struct packing *p);

/* Positions of a row that go through the model: the last token is only a target. */
size_t row_positions(const struct engine_row *r);

/* No micro-batch of these groups, in whatever minibatches, needs more than this. */
void pack_bounds(const struct engine_group *groups, size_t n_groups, size_t micro_tokens,
                 size_t *tokens, size_t *pages);

#endif
