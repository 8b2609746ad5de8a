/* opened.h - inside the engine: what struct engine is. */
#ifndef ENGINE_OPENED_H
#define ENGINE_OPENED_H

#include "engine/checkpoint.h"
#include "engine/runner.h"

enum {
    RUN_ROWS = 512, /* rows of one pass in prefill and scoring */
    RUN_BATCH = 64, /* sequences decoded at once when the caller does not care */
    LOGITS_BYTES = 64 << 20,
    /* The same of a large GPU, which is busy with much more at once. */
    GPU_ROWS = 4096,
    GPU_BATCH = 1024,
    GPU_LOGITS_BYTES = 1 << 30,
};

struct engine {
    struct checkpoint c; /* its files are closed once the weights are on the device */
    struct backend *b;
    struct model model;
    struct runner runner; /* opened by the first use; model NULL before */
    enum elem kv;
    enum engine_precision precision; /* never auto */
    uint64_t limit;                  /* bytes that may be used */
    char digest[ENGINE_DIGEST];
};

/* What "auto" means here is written into *o; the device for these options, and in *limit
 * the bytes that may be used on it. */
struct backend *open_device(struct engine_options *o, uint64_t *limit, struct err *e) MUST_CHECK;

/* "1.5 GiB" */
const char *bytes_text(uint64_t bytes, char out[32]);

/* A runner for `batch` sequences at once, the caches as large as the memory allows. */
bool engine_need_runner(struct engine *g, size_t batch, struct err *e) MUST_CHECK;

/* Sequences decoded at once when the caller does not care. */
size_t engine_batch(const struct engine *g);

/* Every id inside the vocabulary; `what` names the list in the message. */
bool check_ids(const struct engine_info *i, const int32_t *ids, size_t n, const char *what,
               struct err *e) MUST_CHECK;

/* The same for whole groups, their lengths too; *longest: positions of the longest sequence. */
bool check_groups(const struct engine_info *info, const struct engine_group *groups,
                  size_t n_groups, size_t *longest, struct err *e) MUST_CHECK;

bool check_options(const struct engine *g, const struct gen_options *o, struct err *e) MUST_CHECK;

#endif
