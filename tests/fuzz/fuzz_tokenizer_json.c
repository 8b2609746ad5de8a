/* fuzz_tokenizer_json.c - any tokenizer.json; what opens encodes and decodes. */
#include "base/mem.h"
#include "text/tokenizer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char text[] =
        "The cat's  12 <x> \n\xC3\xA9\xCC\x81 \xE4\xB8\xAD aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct err e = ERR_NONE;
    struct tokenizer *t = tokenizer_parse((struct str){(const char *)data, n}, &e);
    ASSERT((t != NULL) == (e.status == 0));
    if (!t)
        return 0;
    struct encoder *x = encoder_new(t);
    for (unsigned flags = 0; flags < 8; flags++) {
        struct ids ids = {0};
        struct buf out = {0};
        e.status = 0;
        bool ok = encoder_run(x, str_of(text), flags, &ids, &e);
        ASSERT(ok == (e.status == 0));
        for (size_t i = 0; i < ids.n; i++)
            ASSERT(tokenizer_has(t, ids.p[i]));
        tokenizer_decode(t, ids.p, ids.n, flags & 1, &out);
        ASSERT(utf8_valid_prefix(buf_str(&out)) == out.n);
        buf_free(&out);
        ids_free(&ids);
    }
    encoder_free(x);
    tokenizer_close(t);
    return 0;
}
