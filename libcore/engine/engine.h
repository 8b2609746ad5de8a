/* engine.h - the only door to a model: token ids in, numbers out.
 *
 * Above this header there are strings and records, below it tensors; neither
 * passes through.  An engine is a model opened for reading (generate, score).
 * A trainer is a model opened for learning (backward, step, save).
 *
 * What holds for both, by construction:
 * - A token's log-probability depends on the weights, the prompt and the
 *   tokens before it, and on nothing else: not on threads, batch, memory, the
 *   other sequences, or on whether the sampler or the trainer computed it.
 *   The two give the same float, bit for bit.
 * - Log-probabilities are natural logarithms under temperature 1 over all of
 *   the config's vocabulary, whatever the sampling options were.
 * - Token ids are checked: one outside [0, vocab_size) is ERR_DATA.
 *
 * Nothing here prints or exits.  Pointers inside a caller's struct are
 * borrowed for the call; what the engine hands to a callback is borrowed until
 * the callback returns.  An engine or a trainer is used by one thread at a
 * time; it has its own pool. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    ENGINE_EOS_MAX = 16,            /* end ids of one checkpoint */
    ENGINE_STOP_MAX = 64,           /* stop ids of one generation */
    ENGINE_DIGEST = 33,             /* 32 hexadecimal digits and a NUL */
    ENGINE_POSITIONS_MAX = 1 << 20, /* prompt and response together */
};

/* ---- opening ---- */

enum engine_precision {
    ENGINE_EXACT,          /* f32 activations times weights as stored */
    ENGINE_BF16,           /* activations and weights rounded to bf16 for products, f32 sums */
    ENGINE_TF32,           /* on a GPU: the library's products of f32, rounded to tf32 */
    ENGINE_F32,            /* on a GPU: the library's products of f32 */
    ENGINE_PRECISION_AUTO, /* bf16 on a GPU, else exact */
};

enum engine_kv {
    ENGINE_KV_F32,
    ENGINE_KV_BF16, /* keys and values rounded to bf16, in the sampler and in the trainer */
    ENGINE_KV_AUTO, /* bf16 on a GPU with products in bf16, else f32 */
};

/* The names of the above, NULL at the end, as options and heads spell them; auto has none. */
extern const char *const engine_precision_names[], *const engine_kv_names[];
enum engine_precision engine_precision_of(const char *name); /* NULL: auto */
enum engine_kv engine_kv_of(const char *name);               /* NULL: auto */

struct engine_options {
    const char *device;    /* "auto" (also NULL), "cpu", "ref", "cuda", "cuda:N" */
    size_t threads;        /* 0: one for each CPU */
    uint64_t memory_bytes; /* all that may be used, weights included; 0: most of what is free */
    enum engine_precision precision;
    enum engine_kv kv;
};

struct engine_info {
    const char *family; /* "qwen2", "qwen3", "llama" */
    const char *dtype;  /* of the stored weights: "f32", "bf16", "f16" */
    uint64_t n_params;  /* a tied head counts once */
    int32_t vocab_size; /* of the config: rows of the head, at least the tokenizer's size */
    int32_t context;    /* positions it is made for, scaling included; see engine_check_context */
    int32_t n_layers, n_heads, n_kv_heads, head_dim, hidden, ff;
    bool tied;
    int32_t bos;                 /* -1: none */
    int32_t eos[ENGINE_EOS_MAX]; /* of generation_config.json, else of config.json */
    size_t n_eos;
    uint64_t weights_bytes;  /* as stored */
    uint64_t kv_token_bytes; /* cache of one position, all layers, with f32 caches */
};

struct engine;

/* ERR_NOINPUT: a file is missing.  ERR_DATA: the model is damaged or of a kind
 * that is not supported, named.  ERR_DEVICE: no such device, or too little memory. */
struct engine *engine_open(const char *dir, const struct engine_options *o,
                           struct err *e) MUST_CHECK;
void engine_close(struct engine *g); /* accepts NULL */
const struct engine_info *engine_info(const struct engine *g);

/* Depends on the configuration and the stored weights only, not on how they are
 * sharded, on names of files, or on other files of the directory. */
const char *engine_digest(const struct engine *g);

/* What engine_open used, for the provenance line: "cpu avx512", "ref", ...  */
const char *engine_device(const struct engine *g);
/* Floating-point operations a second that its threads can make, measured in some milliseconds; 0:
 * not known. */
double engine_peak_flops(struct engine *g);
const char *engine_precision(const struct engine *g); /* a name of the above, never auto */
const char *engine_kv(const struct engine *g);

const char *engine_devices(void); /* a line on what there is, for --version -v; static */

/* ERR_DATA unless prompt and response fit into the model's context and ENGINE_POSITIONS_MAX.
 * The functions below do not ask: beyond its context a model still computes, only badly. */
bool engine_check_context(const struct engine_info *i, size_t n_prompt, size_t n_response,
                          struct err *e) MUST_CHECK;

/* The same facts and digest without loading the weights (they are mapped).
 * digest may be NULL: then the weights are not read at all. */
bool engine_inspect(const char *dir, struct engine_info *info, char digest[ENGINE_DIGEST],
                    struct err *e) MUST_CHECK;

/* Bytes needed to sample n_seqs sequences of n_tokens at once, with caches in
 * kv; and for one update step with micro-batches of n_tokens. */
uint64_t engine_rollout_bytes(const struct engine_info *i, enum engine_kv kv, size_t n_seqs,
                              size_t n_tokens);
uint64_t engine_update_bytes(const struct engine_info *i, size_t n_tokens);

/* ---- generating ---- */

struct gen_options {
    double temperature;        /* 0: always the most likely token (the lowest id of equals) */
    int32_t top_k;             /* 0: off */
    double top_p;              /* 1: off; the token that crosses it is kept */
    double min_p;              /* 0: off */
    double repetition_penalty; /* 1 (or 0): off; over prompt and response */
    uint64_t seed;
    size_t batch; /* sequences decoded at once; 0: the engine chooses */
    int32_t stop[ENGINE_STOP_MAX];
    size_t n_stop;       /* a stop id ends the response and is its last token */
    int32_t vocab_limit; /* ids from here on are never sampled (padding rows); 0: vocab_size */
};

/* The draw for a token is a function of (seed, key, round, sample, position),
 * where sample counts from first_sample: a later call with first_sample = 8
 * gives what samples 8.. of one larger group would have been. */
struct gen_request {
    const int32_t *prompt; /* borrowed until the group has been delivered */
    size_t n_prompt;       /* at least 1 */
    size_t n_samples;      /* at least 1 */
    uint64_t key;          /* hash of the record's id */
    uint32_t round;
    uint32_t first_sample;
    size_t max_tokens; /* at least 1 */
    void *user;        /* the caller's; comes back with the group */
};

enum gen_finish { GEN_STOP, GEN_LENGTH };

struct gen_sample {
    const int32_t *tokens; /* with the stop token, if there is one */
    const float *logprobs; /* one for each token */
    size_t n;
    enum gen_finish finish;
};

struct gen_group {
    void *user;
    const struct gen_sample *samples;
    size_t n_samples;
};

struct gen_stats {
    uint64_t prompt_tokens; /* prefilled, recomputed ones not counted */
    uint64_t tokens;        /* sampled */
    uint64_t recomputed;    /* positions computed again after a sequence was dropped */
    uint64_t dropped;       /* sequences put back because the caches were full */
    uint64_t steps;         /* decode steps */
    double flops;           /* of products and attention, for shares of peak */
};

struct gen_callbacks {
    /* Fills *r.  False: there are no more (e clear), or reading failed (e set). */
    bool (*next)(void *arg, struct gen_request *r, struct err *e);
    /* Called once for each request, in the order of next().  It may be in the middle of a step:
     * the engine is not to be used in it. */
    bool (*done)(void *arg, const struct gen_group *g, struct err *e);
    /* Called after each decode step; may be NULL. */
    void (*tick)(void *arg, const struct gen_stats *s);
    void *arg;
};

/* Pulls requests, decodes them together, delivers each group when it is whole.
 * ERR_DEVICE if a single sequence does not fit into the memory.  stats may be NULL. */
bool engine_generate(struct engine *g, const struct gen_options *o, const struct gen_callbacks *c,
                     struct gen_stats *stats, struct err *e) MUST_CHECK;

/* The distribution that would be sampled from after `prompt`: up to `max` ids,
 * in rising order, and their probabilities.  Returns how many there are. */
bool engine_distribution(struct engine *g, const struct gen_options *o, const int32_t *prompt,
                         size_t n_prompt, int32_t *ids, double *probs, size_t max, size_t *n,
                         struct err *e) MUST_CHECK;

/* ---- scoring ---- */

struct engine_row {
    const int32_t *tokens; /* the response */
    size_t n;              /* 0: nothing is done for the row */
    float *logp;           /* out, n; may be NULL */
    float *entropy;        /* out, n: of the whole vocabulary at temperature 1, nats; may be NULL */
};

struct engine_group {
    const int32_t *prompt;
    size_t n_prompt; /* at least 1 */
    const struct engine_row *rows;
    size_t n_rows;
};

/* ERR_DATA if one is not finite: the weights hold NaN or infinities. */
bool engine_check_logprobs(const float *logp, size_t n, struct err *e) MUST_CHECK;

/* Log-probabilities of given responses.  The prompt of a group goes through
 * the model once for all of its rows. */
bool engine_score(struct engine *g, const struct engine_group *groups, size_t n_groups,
                  struct err *e) MUST_CHECK;

/* Logits (n, vocab_size) at every position of a sequence, for tests and comparison. */
bool engine_logits(struct engine *g, const int32_t *tokens, size_t n, float *logits,
                   struct err *e) MUST_CHECK;

/* ---- training ---- */

struct trainer_options {
    struct engine_options engine;
    size_t micro_tokens; /* positions of a micro-batch; 0: 2048.  Bears on the last bits */
    double beta1, beta2; /* of AdamW */
    double eps;          /* outside the root */
    double weight_decay;
    double max_grad_norm; /* 0: no clipping */
    bool no_decay_1d;     /* norms and biases do not decay */
    bool step_on_zero;    /* make a step even if the gradient is exactly zero, as torch does */
    bool as_f32;          /* train and save bf16 weights as f32 */
    bool no_optimizer;    /* gradients only: no moments are kept, no step can be made */
};

struct trainer;

struct trainer *trainer_open(const char *dir, const struct trainer_options *o,
                             struct err *e) MUST_CHECK;
void trainer_close(struct trainer *t);
const struct engine_info *trainer_info(const struct trainer *t);
const char *trainer_digest(const struct trainer *t); /* of the directory it was opened from */
const char *trainer_device(const struct trainer *t);

/* Who computes the backward pass: its bits are the same under one such name.  On the CPU that
 * is "cpu", whatever the instruction set. */
const char *trainer_backward_name(const struct trainer *t);

/* What the work needs, known before it begins. */
struct trainer_plan {
    uint64_t weights, masters, gradients, moments; /* bytes */
    uint64_t activations, head, caches;            /* bytes, of the largest micro-batch */
    uint64_t total, limit;
    size_t micro_tokens; /* positions of the largest micro-batch */
    bool recompute;      /* activations are computed again in the backward pass: same bits */
};

/* Plans for groups like these, whichever minibatches they are cut into.  ERR_DEVICE if it does
 * not fit.  The memory is taken as it is needed, never more than planned.  Without a plan, or when longer
 * groups come than were planned for, what does not fit is found on the way. */
bool trainer_prepare(struct trainer *t, const struct engine_group *groups, size_t n_groups,
                     struct trainer_plan *plan, struct err *e) MUST_CHECK;

/* As engine_score, under the weights of now. */
bool trainer_score(struct trainer *t, const struct engine_group *groups, size_t n_groups,
                   struct err *e) MUST_CHECK;

/* The loss of one row: is given its log-probabilities (and entropy, unless no
 * row asked for it: NULL), fills the derivatives of the loss by them, n values each;
 * both are zero when it is called.  Rows with n = 0 are not asked for.  Called
 * in the order of the groups and rows, from the caller's thread. */
typedef bool trainer_loss_fn(void *arg, size_t group, size_t row, const float *logp,
                             const float *entropy, double *dlogp, double *dentropy, struct err *e);

/* Forward, loss, backward; the gradient is added to what is there.  entropy:
 * whether the loss uses it.  A row's logp and entropy, where not NULL, are filled as well.
 * Micro-batches are a function of the groups and micro_tokens only. */
bool trainer_backward(struct trainer *t, const struct engine_group *groups, size_t n_groups,
                      bool entropy, trainer_loss_fn *loss, void *arg, struct err *e) MUST_CHECK;

/* What was done since the trainer was opened, scores included. */
struct trainer_work {
    uint64_t positions; /* that went through the model; a prompt counts once for its piece */
    double flops; /* of products and attention; backward counts twice its forward pass, and what
                         * is computed again to save memory does not count */
};
struct trainer_work trainer_work(const struct trainer *t);

/* Floating-point operations a second that its threads can make, measured in some milliseconds; 0:
 * not known. */
double trainer_peak_flops(struct trainer *t);

struct trainer_step {
    double grad_norm; /* before clipping */
    double clip_coef; /* what the gradient was multiplied by; 1: nothing */
    bool stepped;     /* false: the gradient was exactly zero, nothing was changed */
};

/* Clips, makes one AdamW step and clears the gradient.  ERR_DATA if the gradient is not finite. */
bool trainer_step(struct trainer *t, double lr, struct trainer_step *s, struct err *e) MUST_CHECK;
uint64_t trainer_steps(const struct trainer *t); /* AdamW steps made so far, state included */

/* The gradient as one vector of trainer_n() floats, in the order of the
 * parameters below, so that a caller can keep, add and compare gradients. */
size_t trainer_n(const struct trainer *t);
double trainer_grad_norm(const struct trainer *t);
void trainer_get_grad(const struct trainer *t, float *out);
void trainer_zero_grad(struct trainer *t);
double engine_dot(const float *a, const float *b, size_t n); /* in double, in a fixed order */

struct engine_param {
    const char *name;  /* as in the checkpoint, "model.layers.0.mlp.up_proj.weight" */
    size_t offset, n;  /* in the vector */
    size_t rows, cols; /* cols = 1: one dimension */
};
size_t trainer_params(const struct trainer *t, const struct engine_param **list);
void trainer_get_weights(const struct trainer *t, float *out); /* masters, trainer_n() */
bool trainer_set_weights(struct trainer *t, const float *in, struct err *e) MUST_CHECK;

/* ---- writing ---- */

/* Writes a model into the existing directory `path` (base/outfile.h makes one that
 * appears whole): the weights in the stored type (f16 becomes f32), the config, and the generation,
 * tokenizer and template files of the directory it was opened from, unchanged.  digest may be NULL. */
bool trainer_save(struct trainer *t, const char *path, uint64_t max_shard_bytes,
                  char digest[ENGINE_DIGEST], struct err *e) MUST_CHECK;

/* Masters, moments and the count of steps, written into the existing directory `path`.
 * Loading restores them; *backward_name gets the name that was in it (borrowed from the trainer)
 * and may differ from trainer_backward_name().  ERR_DATA if the state belongs to another model
 * than the trainer's: it carries the digest of the model that was saved last. */
bool trainer_save_state(struct trainer *t, const char *path, struct err *e) MUST_CHECK;
bool trainer_load_state(struct trainer *t, const char *path, const char **backward_name,
                        struct err *e) MUST_CHECK;

/* Writes a model of random weights into the existing directory `path`, the same on every
 * machine: embeddings N(0, std_embed);
 * q, k, v, gate and up N(0, std_in); o and down N(0, std_out); an untied head N(0, std_embed);
 * biases 0, norms 1. */
struct engine_init {
    const char *family;
    const char *dtype; /* "f32" or "bf16" */
    int32_t vocab_size, context, n_layers, n_heads, n_kv_heads, head_dim, hidden, ff;
    bool tied;
    double rope_theta, norm_eps;
    double std_embed, std_in, std_out; /* std_out 0: std_in / sqrt(2 n_layers) */
    uint64_t seed;
    int32_t bos; /* -1: none */
    int32_t eos[ENGINE_EOS_MAX];
    size_t n_eos;
};
bool engine_init(const char *path, const struct engine_init *i, uint64_t max_shard_bytes,
                 struct err *e) MUST_CHECK;

/* Compares two models tensor by tensor.  each() is called in the order of the
 * parameters; false from it, or different shapes (ERR_DATA), ends the comparison. */
struct engine_delta {
    const char *name;
    size_t n;                 /* elements */
    double max_abs, mean_abs; /* difference */
};
bool engine_diff(const char *dir_a, const char *dir_b,
                 bool (*each)(void *arg, const struct engine_delta *d, struct err *e), void *arg,
                 struct err *e) MUST_CHECK;

#endif
