/* batch.h - inside the engine: one micro-batch of an update, packed.
 *
 * Pieces of groups one after another: a prompt, then its responses' positions.
 * The rows that have targets - the last of each prompt, for the first tokens of
 * all its responses, and every row of a response - are its "ends", which go to
 * the head together. */
#ifndef ENGINE_BATCH_H
#define ENGINE_BATCH_H

#include "engine/trainer.h"

/* A run of neighbouring pieces: its part of every list of the workspace. */
struct span {
    size_t row, n_rows, seq, n_seqs, end, n_ends, target, n_targets;
    bool any; /* some derivative is not zero */
};

struct batch {
    struct trainer *t;
    const struct engine_group *groups;
    const struct piece *pieces;
    struct span all, *spans; /* of the whole, and of each piece */
    size_t n_pieces, n_pages;
};

/* Fills the workspace's lists. */
void batch_put_together(struct batch *b);

/* Embedding to final norm; the rows' state stays in the workspace. */
void batch_forward(const struct batch *b);

/* Log-probabilities (and entropy) of all targets: w.logp, w.rows. */
void batch_head(const struct batch *b, bool entropy);

/* Adds the gradient of the pieces whose derivatives, in w.dlogp and w.dentropy, are not
 * all zero, neighbours together: what has no contrast costs a forward pass only. */
void batch_backward(const struct batch *b, bool entropy);

/* Floating-point operations of a forward pass over the span's rows. */
double batch_flops(const struct batch *b, const struct span *s);

#endif
