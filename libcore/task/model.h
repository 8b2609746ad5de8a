/* model.h - looking at model directories, comparing and making them, and text to
 * ids and back: the commands of gcpo-model(1). */
#ifndef TASK_MODEL_H
#define TASK_MODEL_H

#include "engine/engine.h"
#include "task/prompter.h"

/* What a directory holds and what work with it needs.  Weights are mapped, not
 * copied; with digest they are read once. */
struct model_info_options {
    const char *out; /* NULL: standard output */
    bool json, digest_only;
    uint64_t samples, max_tokens; /* of the rollout and update whose memory is told */
};
bool model_info(const char *dir, const struct model_info_options *o, struct err *e) MUST_CHECK;

/* What a training run will need: time of a step, measured with the model, disk, memory. */
struct model_plan_options {
    const char *out;
    uint64_t steps, prompts, samples, max_tokens;
};
bool model_plan(const char *dir, const struct model_plan_options *o, struct err *e) MUST_CHECK;

/* Differences tensor by tensor, as a table or as JSON lines.  *differ: any was not 0. */
struct model_diff_options {
    const char *out;
    bool json, all; /* all: equal tensors are listed too */
};
bool model_diff(const char *a, const char *b, const struct model_diff_options *o, bool *differ,
                struct err *e) MUST_CHECK;

/* A whole text to ids on one line.  With records, records instead: what gcpo-rollout
 * would show the model, as JSON lines {"id","text","tokens"}. */
struct model_encode_options {
    const char *out;
    bool wrap, records;
    struct prompter_options prompter;
};
bool model_encode(const char *dir, char *const *files, const struct model_encode_options *o,
                  struct err *e) MUST_CHECK;

/* Ids, divided by anything that is no digit, to text. */
bool model_decode(const char *dir, char *const *files, const char *out, bool skip_special,
                  struct err *e) MUST_CHECK;

/* A model of random weights beside the tokenizer of `tokenizer`, which is a
 * tokenizer.json or a directory with one. */
struct model_init_options {
    const char *out, *tokenizer;
    struct opt_list eos; /* tokens; none: the tokenizer's own eos_token, or its only special one */
    const char *bos;     /* NULL: none */
    uint64_t vocab_size; /* 0: the tokenizer's */
    uint64_t max_shard_bytes;
    struct engine_init init;
};
bool model_init(const struct model_init_options *o, struct err *e) MUST_CHECK;

const char *model_bytes_text(uint64_t bytes, char out[32]); /* "1.5 GiB"; returns out */

#endif
