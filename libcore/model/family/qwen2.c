/* qwen2.c - Qwen2 and Qwen2.5, and the R1 distillations of them. */
#include "model/family.h"

extern const struct family family_qwen2;
const struct family family_qwen2 = {
    .name = "qwen2",
    .architecture = "Qwen2ForCausalLM",
    .qkv_bias = BIAS_ALWAYS,
    .sliding_window = true,
    .context = 32768,
};
