/* family.h - what distinguishes the model families: data, no code.
 *
 * A family is one file of model/family/; its name is the config's model_type.
 * All of them are pre-norm decoders with rotary positions (half-split), grouped
 * key/value heads and a gated SiLU feed-forward part, with Hugging Face's names. */
#ifndef MODEL_FAMILY_H
#define MODEL_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum family_bias {
    BIAS_NEVER,
    BIAS_ALWAYS,
    BIAS_BY_KEY, /* config keys: "attention_bias" for q, k, v and o; "mlp_bias" for gate, up, down */
};

struct family {
    const char *name; /* model_type */
    const char
        *architecture; /* the one of `architectures` that is this model with a language head */
    enum family_bias qkv_bias, o_bias, mlp_bias;
    bool qk_norm;        /* queries and keys are normalised per head, before the rotation */
    bool sliding_window; /* the config has use_sliding_window, layer_types (refused when in use) */
    int32_t head_dim;    /* where the config has none; 0: hidden_size / heads */
    int32_t context;     /* where the config has no max_position_embeddings */
};

const struct family *family_find(struct str name); /* NULL if there is none */
const char *family_names(void);                    /* "llama, qwen2, qwen3" */

#endif
