/* fuzz_config.c - config.json; what is accepted has sizes and frequencies that can be used. */
#include "base/err.h"
#include "base/mem.h"
#include "model/config.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = ERR_NONE;
    struct model_config c;
    double frequency[CONFIG_HEAD_DIM_MAX / 2];
    bool ok = config_parse((struct str){(const char *)data, n}, (struct str){NULL, 0}, &c, &e);
    ASSERT(ok == (e.status == 0));
    if (!ok)
        return 0;
    ASSERT(c.n_heads % c.n_kv_heads == 0 && c.head_dim % 2 == 0 && c.vocab > 0);
    ASSERT(isfinite(rope_frequencies(&c, frequency)));
    for (int i = 0; i < c.head_dim / 2; i++)
        ASSERT(isfinite(frequency[i]) && frequency[i] >= 0);
    return 0;
}
