/* layout.h - every parameter of a model, with its checkpoint name and its place
 * in one flat vector.
 *
 * Weights in f32, gradients and both moments are such vectors, so one pass
 * serves an optimizer step, and one buffer a reduction over machines.
 * Parameters that are multiplied together stand together: q, k, v are
 * one matrix of (heads + 2 kv heads) * head_dim rows, gate and up one of 2 ff. */
#ifndef MODEL_LAYOUT_H
#define MODEL_LAYOUT_H

#include <stddef.h>

#include "model/config.h"

struct param {
    char name[96];
    size_t offset, n;  /* elements */
    size_t rows, cols; /* cols 0: one dimension, of `rows` elements */
};

/* Indices into params; -1: the family has none. */
struct layer_params {
    int attn_norm, q, k, v, q_bias, k_bias, v_bias, o, o_bias, q_norm, k_norm;
    int ff_norm, gate, up, gate_bias, up_bias, down, down_bias;
};

struct layout {
    struct param *params;
    size_t n_params;
    size_t n; /* elements of the vector */
    struct layer_params *layers;
    int embed, norm, head; /* head == embed when tied */
};

void layout_init(struct layout *l, const struct model_config *c);
void layout_free(struct layout *l);

#endif
