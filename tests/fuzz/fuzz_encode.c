/* fuzz_encode.c - texts and spans under testdata/tokenizer: the way back gives the
 * composed text, as a whole and as a stream, and spans never become added tokens.
 *
 * The first byte is the number of spans, two bytes each (gap, length); then the text. */
#include "base/mem.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

enum { SPANS_MAX = 8, FIRST_ADDED = 278 };

static struct tokenizer *t;
static struct encoder *x;

static void check_decoding(const struct ids *ids, struct str want, bool exact)
{
    struct buf whole = {0}, stream = {0};
    tokenizer_decode(t, ids->p, ids->n, false, &whole);
    struct decoder d = decoder_start(t, false);
    for (size_t i = 0; i < ids->n; i++) {
        decoder_push(&d, ids->p[i], &stream);
        ASSERT(utf8_valid_prefix(buf_str(&stream)) == stream.n);
    }
    decoder_finish(&d, &stream);
    ASSERT(str_eq(buf_str(&whole), buf_str(&stream)));
    ASSERT(!exact || str_eq(buf_str(&whole), want));
    buf_free(&whole);
    buf_free(&stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = ERR_NONE;
    if (!t) {
        t = tokenizer_open("testdata/tokenizer", &e);
        ASSERT(t != NULL);
        x = encoder_new(t);
        ASSERT(tokenizer_find(t, STR("<|endoftext|>")) == FIRST_ADDED);
    }
    size_t n_spans = n ? data[0] % (SPANS_MAX + 1) : 0, head = n ? 1 + 2 * n_spans : 0;
    if (head > n)
        return 0;
    struct str text = {(const char *)data + head, n - head};
    bool valid = utf8_valid_prefix(text) == text.n;
    struct text_span spans[SPANS_MAX];
    size_t at = 0, kept = 0;
    for (size_t k = 0; k < n_spans; k++) {
        size_t from = at + data[1 + 2 * k], to = from + data[2 + 2 * k];
        if (to <= text.n)
            spans[kept++] = (struct text_span){from, to};
        at = to;
    }
    struct buf composed = {0};
    if (valid)
        unicode_nfc(text, &composed, NULL, 0);
    struct ids ids = {0};
    for (unsigned flags = 0; flags < 8; flags++) {
        ids.n = 0;
        bool ok = encoder_run_spans(x, text, spans, kept, flags, &ids, &e);
        ASSERT(ok == valid);
        e.status = 0;
        if (!ok)
            continue;
        size_t added = 0;
        for (size_t i = 0; i < ids.n; i++)
            added += ids.p[i] >= FIRST_ADDED;
        ASSERT(!(flags & ENCODE_PLAIN) || added == (flags & ENCODE_WRAP ? 1 : 0));
        check_decoding(&ids, buf_str(&composed), added == 0);
    }
    ids.n = 0;
    struct text_span all = {0, text.n};
    bool ok = valid && encoder_run_spans(x, text, &all, 1, 0, &ids, &e);
    ASSERT(ok == valid);
    if (ok)
        for (size_t i = 0; i < ids.n; i++)
            ASSERT(ids.p[i] < FIRST_ADDED);
    ids_free(&ids);
    buf_free(&composed);
    return 0;
}
