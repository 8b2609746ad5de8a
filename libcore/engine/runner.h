/* runner.h - inside the engine: rows through the model without gradients.
 *
 * A runner owns the caches and the activations of one batch of at most
 * `rows` rows.  Rows are collected run by run, then go through the model
 * together; afterwards some of them are taken to the head. */
#ifndef ENGINE_RUNNER_H
#define ENGINE_RUNNER_H

#include "model/kvcache.h"
#include "model/model.h"

struct runner {
    struct model *model;
    struct kv *kv;
    struct page_pool pages;
    struct attn_plan *plan;
    struct attn_plan **lane_plans;
    size_t n_lanes;          /* 0: steps go through the model as they are */
    size_t rows, logit_rows; /* capacities */

    struct attn_seq *seqs;
    size_t n_seqs, m; /* of the batch being collected */
    int32_t *ids, *pos, *index;
    int32_t *d_ids, *d_pos, *d_index; /* device */
    struct layer_rows r;
    struct rows ends; /* (rows, hidden): those that go to the head */
    float *logits;    /* device (logit_rows, vocab) */
};

/* Bytes that do not depend on the number of pages. */
uint64_t runner_bytes(const struct model *m, size_t rows, size_t logit_rows);
uint64_t runner_page_bytes(const struct model *m, enum elem kv);

bool runner_open(struct runner *r, struct model *m, enum elem kv, size_t n_pages, size_t rows,
                 size_t logit_rows, struct err *e) MUST_CHECK;
void runner_close(struct runner *r); /* also of one that failed to open */

/* Positions [from, to) of a run are added to the batch: tokens[from..to) at positions
 * n_shared + from and on.  At most as many as there is room for; returns how many.
 * Runs that share a prompt are added one after another.  The lists of pages stay the caller's. */
size_t runner_add(struct runner *r, const struct page_run *shared, size_t n_shared,
                  const struct page_run *own, const int32_t *tokens, size_t from, size_t to);
void runner_run(struct runner *r);

/* A decode step: each row of the batch is a sequence of its own.  Through the model, to the head,
 * and a token is drawn for each.  meanwhile(arg) is called once, before the draws: a GPU
 * computes in that time.  It does not use the runner.  Where it fails, the step does, and draws nothing. */
typedef bool meanwhile_fn(void *arg);
bool runner_step(struct runner *r, const struct sample_row *rows, struct sample_out *out,
                 meanwhile_fn *meanwhile, void *arg);

/* The final norm of rows index[0..n) of the last batch, in r->ends. */
void runner_ends(struct runner *r, const int32_t *index, size_t n);
/* Logits of rows [from, from + n) of r->ends, n <= logit_rows, in r->logits. */
void runner_logits(struct runner *r, size_t from, size_t n);

/* Floating-point operations of a row that sees n_keys keys, head left out; and of the head. */
double runner_row_flops(const struct model *m, double n_keys);
double runner_head_flops(const struct model *m);

#endif
