/* tokenizer.c - encoding and decoding; see tokenizer.h. */
#include "text/tokenizer.h"
#include "base/mem.h"
#include "text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

void tokenizer_close(struct tokenizer *t)
{
    if (!t)
        return;
    bpe_close(t->bpe);
    pretoken_close(t->pretoken);
    added_free(t->added);
    free(t->added_by_id);
    free(t->bytes);
    buf_free(&t->added_bytes);
    ids_free(&t->before);
    ids_free(&t->after);
    free(t);
}

int32_t tokenizer_size(const struct tokenizer *t)
{
    return t->size;
}

bool tokenizer_has(const struct tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->size && t->bytes[id].p;
}

int32_t tokenizer_find(const struct tokenizer *t, struct str token)
{
    const struct added_token *k = added_by_content(t->added, token);
    return k ? k->id : bpe_find(t->bpe, token);
}

bool tokenizer_is_special(const struct tokenizer *t, int32_t id)
{
    return tokenizer_has(t, id) && t->added_by_id[id] && t->added_by_id[id]->special;
}

/* ---- encoding ---- */

struct encoder {
    const struct tokenizer *t;
    struct splitter *splitter;
    struct bpe_encoder *bpe;
    struct buf normal;
    struct text_span *spans; /* those of one section, relative to it */
    size_t cap;
    unsigned flags;
    struct ids *out;
};

struct encoder *encoder_new(const struct tokenizer *t)
{
    struct encoder *x = xcalloc(1, sizeof *x);
    x->t = t;
    x->splitter = splitter_new(t->pretoken);
    x->bpe = bpe_encoder_new(t->bpe);
    return x;
}

void encoder_free(struct encoder *x)
{
    if (!x)
        return;
    splitter_free(x->splitter);
    bpe_encoder_free(x->bpe);
    buf_free(&x->normal);
    free(x->spans);
    free(x);
}

static bool encode_piece(void *arg, struct str piece, struct err *e)
{
    struct encoder *x = arg;
    return bpe_encode(x->bpe, piece, x->out, e);
}

/* The part of the spans that lies in [from, to), relative to from. */
static size_t clip_spans(struct encoder *x, const struct text_span *spans, size_t n, size_t from,
                         size_t to)
{
    size_t k = 0;
    if (n > x->cap) {
        x->cap = n;
        x->spans = xrealloc(x->spans, n, sizeof *x->spans);
    }
    for (size_t i = 0; i < n && spans[i].from < to; i++) {
        struct text_span s = spans[i];
        s.from = s.from > from ? s.from : from;
        s.to = s.to < to ? s.to : to;
        if (s.from < s.to)
            x->spans[k++] = (struct text_span){s.from - from, s.to - from};
    }
    return k;
}

/* Text between two tokens that were found as they stand: it is normalised, the
 * tokens that are found in normalised text are found, the rest is for BPE. */
static bool encode_section(struct encoder *x, struct str text, const struct text_span *spans,
                           size_t n_spans, size_t from, size_t to, struct err *e)
{
    struct added_search s = {.a = x->t->added,
                             .normalized = true,
                             .no_special = x->flags & ENCODE_NO_SPECIAL,
                             .text = str_slice(text, from, to),
                             .n_spans = clip_spans(x, spans, n_spans, from, to)};
    if (x->t->nfc && !unicode_is_plainly_nfc(s.text)) {
        buf_reset(&x->normal);
        unicode_nfc(s.text, &x->normal, x->spans, s.n_spans);
        s.text = buf_str(&x->normal);
    }
    s.spans = x->spans;
    size_t done = 0;
    const struct added_token *t;
    while (!(x->flags & ENCODE_PLAIN) && added_next(&s, &from, &to, &t)) {
        if (done < from &&
            !splitter_run(x->splitter, str_slice(s.text, done, from), encode_piece, x, e))
            return false;
        ids_push(x->out, t->id);
        done = to;
    }
    return splitter_run(x->splitter, str_slice(s.text, done, s.text.n), encode_piece, x, e);
}

static bool encode_text(struct encoder *x, struct str text, const struct text_span *spans,
                        size_t n_spans, struct err *e)
{
    struct added_search s = {.a = x->t->added,
                             .no_special = x->flags & ENCODE_NO_SPECIAL,
                             .text = text,
                             .spans = spans,
                             .n_spans = n_spans};
    size_t done = 0, from, to;
    const struct added_token *t;
    while (!(x->flags & ENCODE_PLAIN) && added_next(&s, &from, &to, &t)) {
        if (done < from && !encode_section(x, text, spans, n_spans, done, from, e))
            return false;
        ids_push(x->out, t->id);
        done = to;
        while (n_spans && spans->to <= done)
            spans++, n_spans--;
    }
    return done >= text.n || encode_section(x, text, spans, n_spans, done, text.n, e);
}

bool encoder_run_spans(struct encoder *x, struct str text, const struct text_span *spans,
                       size_t n_spans, unsigned flags, struct ids *out, struct err *e)
{
    size_t valid = utf8_valid_prefix(text);
    if (valid < text.n)
        return err_set(e, ERR_DATA, "byte %zu: not UTF-8", valid + 1);
    x->flags = flags;
    x->out = out;
    if (flags & ENCODE_WRAP)
        for (size_t i = 0; i < x->t->before.n; i++)
            ids_push(out, x->t->before.p[i]);
    if (!encode_text(x, text, spans, n_spans, e))
        return false;
    if (flags & ENCODE_WRAP)
        for (size_t i = 0; i < x->t->after.n; i++)
            ids_push(out, x->t->after.p[i]);
    return true;
}

bool encoder_run(struct encoder *x, struct str text, unsigned flags, struct ids *out, struct err *e)
{
    return encoder_run_spans(x, text, NULL, 0, flags, out, e);
}

/* ---- decoding ---- */

struct decoder decoder_start(const struct tokenizer *t, bool skip_special)
{
    return (struct decoder){.t = t, .skip_special = skip_special};
}

/* True if more bytes could make a character of these, which are one maximal
 * invalid part at the end of what is known. */
static bool may_continue(const unsigned char *p, size_t n)
{
    size_t whole = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    return p[0] >= 0xC2 && p[0] <= 0xF4 && n < whole;
}

static void decode_bytes(struct decoder *d, struct str bytes, struct buf *out)
{
    size_t start = out->n;
    buf_put(out, d->held, d->n_held);
    buf_putstr(out, bytes);
    d->n_held = 0;
    struct str all = {out->p + start, out->n - start};
    size_t i = utf8_valid_prefix(all);
    if (i == all.n)
        return;
    struct buf copy = {0}; /* of what is not plainly valid */
    buf_put(&copy, all.p + i, all.n - i);
    out->n = start + i;
    struct str rest = buf_str(&copy);
    for (size_t k = 0; k < rest.n;) {
        size_t from = k;
        uint32_t c = utf8_next(rest, &k);
        if (c == UTF8_BAD && k == rest.n &&
            may_continue((const unsigned char *)rest.p + from, k - from)) {
            d->n_held = k - from;
            memcpy(d->held, rest.p + from, d->n_held);
        } else {
            buf_utf8(out, c == UTF8_BAD ? 0xFFFD : c);
        }
    }
    buf_free(&copy);
}

void decoder_push(struct decoder *d, int32_t id, struct buf *out)
{
    if (tokenizer_has(d->t, id) && !(d->skip_special && tokenizer_is_special(d->t, id)))
        decode_bytes(d, d->t->bytes[id], out);
}

void decoder_finish(struct decoder *d, struct buf *out)
{
    if (d->n_held)
        buf_utf8(out, 0xFFFD);
    d->n_held = 0;
}

void tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                      struct buf *out)
{
    struct decoder d = decoder_start(t, skip_special);
    for (size_t i = 0; i < n; i++)
        decoder_push(&d, ids[i], out);
    decoder_finish(&d, out);
}
