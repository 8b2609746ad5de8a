/* qwen3.c - Qwen3, the dense models. */
#include "model/family.h"

extern const struct family family_qwen3;
const struct family family_qwen3 = {
    .name = "qwen3",
    .architecture = "Qwen3ForCausalLM",
    .qkv_bias = BIAS_BY_KEY,
    .o_bias = BIAS_BY_KEY,
    .qk_norm = true,
    .sliding_window = true,
    .head_dim = 128,
    .context = 32768,
};
