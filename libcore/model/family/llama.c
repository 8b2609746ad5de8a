/* llama.c - Llama 2 and 3, and models of their shape (SmolLM2, TinyLlama, R1-Distill-Llama). */
#include "model/family.h"

extern const struct family family_llama;
const struct family family_llama = {
    .name = "llama",
    .architecture = "LlamaForCausalLM",
    .qkv_bias = BIAS_BY_KEY,
    .o_bias = BIAS_BY_KEY,
    .mlp_bias = BIAS_BY_KEY,
    .context = 2048,
};
