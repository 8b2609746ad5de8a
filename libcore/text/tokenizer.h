/* tokenizer.h - text to token ids and back, as the reference software does it.
 *
 * Reads the tokenizer.json of a model directory: byte-level BPE with added
 * tokens, normaliser none or NFC, pre-tokenizers Split, Digits and ByteLevel,
 * post-processors that put tokens around the text.  What is not supported is
 * refused by name when the file is opened; nothing in the file is trusted.
 *
 * A tokenizer does not change once it is open and may be shared by threads.  Each
 * thread encodes with an encoder of its own. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "text/bpe.h"
#include "text/unicode.h"

enum { TOKENIZER_FILE_MAX = 512 << 20 }; /* bytes of tokenizer.json */

struct tokenizer;

/* dir/tokenizer.json.  ERR_NOINPUT: it is missing.  ERR_DATA: it is damaged, or
 * of a kind that is not supported. */
struct tokenizer *tokenizer_open(const char *dir, struct err *e) MUST_CHECK;
struct tokenizer *tokenizer_parse(struct str json, struct err *e) MUST_CHECK; /* its content */
void tokenizer_close(struct tokenizer *t);                                    /* accepts NULL */

/* All ids are below it.  There may be holes; a model's vocabulary may be larger. */
int32_t tokenizer_size(const struct tokenizer *t);
bool tokenizer_has(const struct tokenizer *t, int32_t id);

/* The id of a token: of an added one by its text, else of one of the vocabulary
 * by its spelling in the file.  -1 if there is none. */
int32_t tokenizer_find(const struct tokenizer *t, struct str token);

/* Marked special in the file, so that skip_special leaves it out. */
bool tokenizer_is_special(const struct tokenizer *t, int32_t id);

/* ---- encoding ---- */

enum {
    ENCODE_WRAP = 1, /* with what the post-processor adds: a BOS, for most that add anything */
    ENCODE_NO_SPECIAL = 2, /* text that spells a special token stays text; <think> may be found */
    ENCODE_PLAIN = 4,      /* text that spells any added token stays text */
};

struct encoder;
struct encoder *encoder_new(const struct tokenizer *t); /* borrows t */
void encoder_free(struct encoder *x);                   /* accepts NULL */

/* Appends the ids of a text to *out; without flags exactly the reference's.
 * ERR_DATA: the text is not UTF-8, or has a byte for which there is no token. */
bool encoder_run(struct encoder *x, struct str text, unsigned flags, struct ids *out,
                 struct err *e) MUST_CHECK;

/* The same for a text of which some spans (in rising order, not overlapping) came
 * from elsewhere: no added token is found that touches one of them. */
bool encoder_run_spans(struct encoder *x, struct str text, const struct text_span *spans,
                       size_t n_spans, unsigned flags, struct ids *out, struct err *e) MUST_CHECK;

/* ---- decoding ---- */

/* Appends the text of ids to *out.  Always valid UTF-8: each maximal part that is
 * not, becomes U+FFFD.  Ids without a token give nothing. */
void tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                      struct buf *out);

/* The same id by id: what comes out of push is final and complete, bytes of a
 * character that is not complete are held back until it is, or until finish.
 * The concatenation is what tokenizer_decode gives. */
struct decoder {
    const struct tokenizer *t;
    bool skip_special;
    unsigned char held[4];
    size_t n_held;
};
struct decoder decoder_start(const struct tokenizer *t, bool skip_special);
void decoder_push(struct decoder *d, int32_t id, struct buf *out);
void decoder_finish(struct decoder *d, struct buf *out);

#endif
