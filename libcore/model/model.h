/* model.h - a model on a device: its weights, and the two passes over rows.
 *
 * Rows are token positions of several sequences, packed without gaps; which
 * row sees which keys is said by an attention plan (compute/ops.h).
 * Everything here speaks to the device through its operators only. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "compute/ops.h"
#include "model/config.h"
#include "model/layout.h"
#include "model/weights.h"

/* Device pointers; NULL where the family has none. */
struct layer_weights {
    struct weight *qkv, *o, *gate_up, *down;
    const float *attn_norm, *ff_norm, *q_norm, *k_norm;
    const float *qkv_bias, *o_bias, *gate_up_bias, *down_bias;
};

/* One weight of the forward pass: neighbouring parameters of the layout, one after another. */
struct matrix {
    struct weight **w;
    size_t first, n; /* parameters */
};

struct model {
    struct backend *b;
    const struct model_config *config;
    const struct layout *layout;
    struct layer_weights *layers;
    struct weight *embed, *head; /* the same when tied */
    const float *norm;
    enum elem stored; /* the type whose values the forward pass sees */
    float *masters;   /* training: all parameters in f32, in the order of the layout */
    float *vectors;   /* parameters of one dimension; NULL when the masters serve */
    size_t n_vectors;
    float *host; /* n_vectors, while they are rounded */
    uint16_t *rounded;
    struct matrix *matrices;
    size_t n_matrices;
    float *cos, *sin; /* (n_positions, head_dim / 2) */
    size_t n_positions;
    size_t q_width, kv_width, qkv_width; /* columns: q | k | v */
};

/* Reads the weights onto the device.  train: with masters; as_f32: what is stored in bf16 is
 * used and kept as f32 from here on.  On failure model_close is due as well. */
bool model_open(struct model *m, struct backend *b, const struct model_config *c,
                const struct layout *l, struct weights *w, bool train, bool as_f32,
                struct err *e) MUST_CHECK;
void model_close(struct model *m);

/* Bytes on the device. */
uint64_t model_weight_bytes(struct backend *b, const struct model_config *c, const struct layout *l,
                            enum dtype stored, bool train, bool as_f32);

/* Rotary tables for positions [0, n). */
bool model_reserve_positions(struct model *m, size_t n, struct err *e) MUST_CHECK;

/* The masters have changed: the forward pass sees the new values. */
void model_refresh(struct model *m);

/* ---- one layer ----
 * Where a layer reads and writes.  Without gradients one set serves all layers
 * and x, mid and out are the same; with gradients a layer's set is kept.
 *
 *     x --norm--> h --linear--> qkv [--norm--> qk] --rope--> attention --> att --linear--> + x = mid
 *     mid --norm--> h --linear--> gu --swiglu--> act --linear--> + mid = out */
struct layer_rows {
    struct rows x, mid, out; /* (M, hidden) */
    struct rows h;           /* (M, hidden), scratch */
    struct rows qkv;         /* (M, qkv_width) */
    struct rows qk;          /* (M, q_width + kv_width): its first columns, or rows of its own that
                              * keep qkv as it was (for the gradient of the heads' norms) */
    struct rows att;         /* (M, q_width); may be q's columns of qk */
    struct rows gu;          /* (M, 2 ff) */
    struct rows act;         /* (M, ff), scratch */
    float *lse;              /* (M, heads); NULL without gradients */
};

/* The same from `row` on. */
struct layer_rows layer_rows_from(const struct layer_rows *r, size_t row, size_t n_heads);

struct pass {
    const struct model *model;
    struct backend *b; /* the model's, or a lane of it */
    struct kv *kv;
    const struct attn_plan *plan;
    const int32_t *ids, *pos; /* device (M) */
    size_t m;
};

void forward_embed(const struct pass *p, struct rows x);
/* kv_layer: the layer of the caches to write and read. */
void forward_attention(const struct pass *p, int layer, size_t kv_layer,
                       const struct layer_rows *r);
void forward_gate(const struct pass *p, int layer, const struct layer_rows *r); /* up to gu */
void forward_mlp(const struct pass *p, int layer, const struct layer_rows *r);  /* gate, then out */
void forward_norm(const struct pass *p, size_t n_rows, struct rows x, struct rows y); /* the last */

/* Gradients.  dx (M, hidden) holds d loss / d out and becomes d loss / d x; the rows of r hold
 * what the forward pass left (h and act are overwritten); grad is a vector of the layout on the
 * device, added to. */
struct backward_rows {
    struct rows dx;   /* (M, hidden) */
    struct rows dh;   /* (M, hidden), scratch */
    struct rows datt; /* (M, q_width), scratch */
    struct rows dqkv; /* (M, qkv_width), scratch */
    struct rows dact; /* (M, ff), scratch */
};
void backward_layer(const struct pass *p, int layer, size_t kv_layer, const struct layer_rows *r,
                    const struct backward_rows *d, float *grad);

#endif
