/* trainer.h - inside the engine: what struct trainer is. */
#ifndef ENGINE_TRAINER_H
#define ENGINE_TRAINER_H

#include "engine/checkpoint.h"
#include "engine/pack.h"
#include "model/model.h"

enum {
    MICRO_TOKENS = 2048, /* when the caller does not care */
    HEAD_ROWS = 1024,    /* rows that go to the head at once: fixed, it bears on sums */
    BACKWARD_NAME = 128,
};

struct span; /* batch.h */

/* Buffers for micro-batches of up to `tokens` positions and `pages` pages of keys. */
struct workspace {
    size_t tokens, pages;
    bool recompute; /* one layer's rows are kept, the others made again */
    struct kv *kv;
    struct attn_plan *plan;
    float *block;                    /* all activations */
    struct layer_rows *layers;       /* one for each layer; with recompute they share all but x */
    struct rows out;                 /* (T, hidden), of the last layer */
    struct rows ends, normed, dends; /* (T, hidden): rows that have targets, and their gradient */
    struct backward_rows back;
    int32_t *d_ids, *d_pos, *d_index; /* device (T) */

    /* host */
    int32_t *ids, *pos, *index, *pages_list;
    struct attn_seq *seqs;
    struct span *spans; /* pieces: at most one for each token */
    struct head_row *rows;
    struct head_target *targets;
    float *logp, *row_logp, *row_entropy;
    double *dlogp, *dentropy, *row_dlogp, *row_dentropy;
    size_t cap_targets;
};

struct trainer {
    struct checkpoint c;
    struct trainer_options o;
    struct backend *b;
    struct model model;
    enum elem kv;
    enum dtype dtype; /* of the weights that will be written */
    uint64_t limit, steps;
    char digest[ENGINE_DIGEST], saved[ENGINE_DIGEST];
    char backward_name[BACKWARD_NAME], state_name[BACKWARD_NAME];
    float *grad, *m, *v; /* device, in the order of the layout */
    struct engine_param *params;
    struct packing packing;
    struct workspace w;
    struct trainer_work work;
    size_t micro_tokens;
    size_t most_tokens, most_pages; /* of a micro-batch, as planned; 0: not planned */
};

/* The workspace is at least as large as this, and positions are there for the longest sequence. */
bool trainer_fit(struct trainer *t, size_t tokens, size_t pages, size_t longest,
                 struct err *e) MUST_CHECK;

bool workspace_open(struct trainer *t, size_t tokens, size_t pages, bool recompute,
                    struct err *e) MUST_CHECK;
void workspace_close(struct trainer *t);

/* Bytes of activations, of the head and other operators' room, of caches. */
void workspace_bytes(struct trainer *t, size_t tokens, size_t pages, bool recompute,
                     struct trainer_plan *plan);

#endif
