/* host.h - the devices in ordinary memory, and what they share: allocation,
 * and a batch's sequences. */
#ifndef COMPUTE_HOST_H
#define COMPUTE_HOST_H

#include "compute/ops.h"

struct backend *ref_open(const struct backend_options *o, struct err *e);
struct backend *cpu_open(const struct backend_options *o, struct err *e);

uint64_t host_memory(struct backend *b); /* 0 */
void *host_alloc(struct backend *b, size_t bytes, struct err *e);
void host_free(struct backend *b, void *p);
void host_copy(struct backend *b, void *to, const void *from, size_t bytes);
void host_zero(struct backend *b, void *p, size_t bytes);

bool host_views(struct backend *b); /* true */

/* For devices without lanes: 1, and one part after another. */
size_t host_lanes(struct backend *b);
void host_run_lanes(struct backend *b, size_t n, lane_fn *fn, void *arg);

/* A batch's sequences with their page lists copied.  Neighbours with the same
 * shared run point to one copy. */
struct host_seqs {
    struct attn_seq *seqs;
    int32_t *pages;
    size_t n, max_seqs, max_rows, max_pages;
};

bool host_seqs_init(struct host_seqs *s, const struct plan_size *size, struct err *e);
void host_seqs_free(struct host_seqs *s);
void host_seqs_set(struct host_seqs *s, const struct attn_seq *seqs, size_t n);

/* Whether two neighbours of a plan have one shared run. */
bool host_seqs_share(const struct attn_seq *a, const struct attn_seq *b);

#endif
