/* modeldir.h - looking at model directories, comparing and making them, and text to
 * ids and back: the commands of gcpo-model(1). */
#ifndef TASK_MODELDIR_H
#define TASK_MODELDIR_H

#include "engine/engine.h"
#include "task/prompter.h"

/* What a directory holds and what work with it needs.  Weights are mapped, not
 * copied; with digest they are read once. */
struct modeldir_info_options {
    const char *out; /* NULL: standard output */
    bool json, digest_only;
    uint64_t samples, max_tokens; /* of the rollout and update whose memory is told */
};
bool modeldir_info(const char *dir, const struct modeldir_info_options *o,
                   struct err *e) MUST_CHECK;

/* What a training run will need: time of a step, measured with the model, disk, memory. */
struct modeldir_plan_options {
    const char *out;
    uint64_t steps, prompts, samples, max_tokens;
    bool json;
};
bool modeldir_plan(const char *dir, const struct modeldir_plan_options *o,
                   struct err *e) MUST_CHECK;

/* Differences tensor by tensor, as a table or as JSON lines.  *differ: any was not 0. */
struct modeldir_diff_options {
    const char *out;
    bool json, all; /* all: equal tensors are listed too */
};
bool modeldir_diff(const char *a, const char *b, const struct modeldir_diff_options *o,
                   bool *differ, struct err *e) MUST_CHECK;

/* A whole text to ids on one line.  With records, records instead: what gcpo-rollout
 * would show the model, as JSON lines {"id","text","tokens"}. */
struct modeldir_encode_options {
    const char *out;
    bool wrap, records;
    struct prompter_options prompter;
};
bool modeldir_encode(const char *dir, char *const *files, const struct modeldir_encode_options *o,
                     struct err *e) MUST_CHECK;

struct modeldir_decode_options {
    const char *out;
    bool skip_special;
    bool records; /* records, whose token ids get their text */
};

/* Ids, divided by anything that is no digit, to text.  Of records: the text of responses that
 * have ids only (without special tokens), and so the prompt, and an answer that is an array of ids. */
bool modeldir_decode(const char *dir, char *const *files, const struct modeldir_decode_options *o,
                     struct err *e) MUST_CHECK;

/* A model of random weights beside the tokenizer of `tokenizer`, which is a
 * tokenizer.json or a directory with one. */
struct modeldir_init_options {
    const char *out, *tokenizer;
    struct opt_list eos; /* tokens; none: the tokenizer's own eos_token, or its only special one */
    const char *bos;     /* NULL: none */
    uint64_t vocab_size; /* 0: the tokenizer's */
    uint64_t max_shard_bytes;
    struct engine_init init;
};
bool modeldir_init(const struct modeldir_init_options *o, struct err *e) MUST_CHECK;

const char *modeldir_bytes_text(uint64_t bytes, char out[32]); /* "1.5 GiB"; returns out */

#endif
