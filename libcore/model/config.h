/* config.h - config.json and generation_config.json, in the spellings of
 * transformers 4 and 5.
 *
 * What the forward pass does not do is refused by name (ERR_DATA): another
 * family, sliding windows in use, experts, rotary scalings other than linear,
 * llama3 and yarn, quantised weights, other activations. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "model/family.h"

enum {
    CONFIG_BYTES_MAX = 1 << 20,
    CONFIG_LAYERS_MAX = 512,
    CONFIG_HEADS_MAX = 1024,
    CONFIG_HEAD_DIM_MAX = 512,
    CONFIG_HIDDEN_MAX = 1 << 16,
    CONFIG_FF_MAX = 1 << 18,
    CONFIG_VOCAB_MAX = 1 << 22,
    CONFIG_EOS_MAX = 16,
};

enum rope_kind { ROPE_DEFAULT, ROPE_LINEAR, ROPE_LLAMA3, ROPE_YARN };

struct rope {
    enum rope_kind kind;
    double theta;
    double factor;
    double original;             /* llama3, yarn: context before scaling */
    double low, high;            /* llama3: frequency factors */
    double beta_fast, beta_slow; /* yarn */
    double attention;            /* yarn: cos and sin are multiplied by it */
    bool truncate;               /* yarn: whole correction dimensions */
};

struct model_config {
    const struct family *family;
    int32_t vocab, hidden, ff, n_layers, n_heads, n_kv_heads, head_dim, context;
    bool tied, qkv_bias, o_bias, mlp_bias;
    double norm_eps;
    struct rope rope;
    int32_t bos; /* -1: none */
    int32_t eos[CONFIG_EOS_MAX];
    size_t n_eos;
};

/* Reads dir/config.json and, for the end ids, dir/generation_config.json if it is there. */
bool config_load(const char *dir, struct model_config *c, struct err *e) MUST_CHECK;

/* generation: empty if there is none. */
bool config_parse(struct str config, struct str generation, struct model_config *c,
                  struct err *e) MUST_CHECK;

/* Checks a config made by hand (engine_init) as config_parse would. */
bool config_check(const struct model_config *c, struct err *e) MUST_CHECK;

/* config.json and generation_config.json of a new model; dtype "float32" or "bfloat16". */
void config_print(const struct model_config *c, const char *dtype, struct buf *config,
                  struct buf *generation);

/* A config.json with the stored type replaced ("torch_dtype" and "dtype"), the rest to the byte. */
void config_with_dtype(struct str config, const char *dtype, struct buf *out);

/* Positions that the model can take: max_position_embeddings as the config states it, which
 * under llama3 is the scaled context already; a linear factor multiplies it, and under yarn
 * it is at least the original context times the factor. */
int32_t config_positions(const struct model_config *c);

/* Angular frequencies of the head_dim / 2 pairs, radians per position.  Pair i
 * rotates dimensions i and i + head_dim / 2.  Returns the factor of cos and sin. */
double rope_frequencies(const struct model_config *c, double *frequency);

#endif
