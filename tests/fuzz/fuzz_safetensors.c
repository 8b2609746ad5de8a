/* fuzz_safetensors.c - headers: whatever is accepted stays inside the file. */
#include "base/err.h"
#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = ERR_NONE;
    struct safetensors *s = safetensors_parse(data, n, &e);
    ASSERT(!s == (e.status != 0));
    for (size_t i = 0; s && i < safetensors_count(s); i++) {
        const struct st_tensor *t = safetensors_at(s, i);
        ASSERT(t->data >= data && t->bytes <= n && t->data + t->bytes <= data + n);
        ASSERT(safetensors_find(s, t->name) == t);
    }
    safetensors_close(s);
    return 0;
}
