/* bpe.h - byte-level byte-pair encoding: the vocabulary, the merges, and one
 * piece of text to ids.
 *
 * Vocabularies of this kind are spelled in an alphabet of 256 characters that
 * stand for bytes (GPT-2's table); here everything is bytes.  Of two neighbours
 * that some rule merges, the pair of the lowest rank goes first, the leftmost of
 * equals; a heap keeps that order, so a piece of n bytes costs O(n log n). */
#ifndef TEXT_BPE_H
#define TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum {
    BPE_ID_MAX = (1 << 22) - 1,   /* largest id */
    BPE_MERGES_MAX = 1 << 24,     /* rules */
    BPE_TOKEN_BYTES_MAX = 1 << 16 /* of one token */
};

/* ids[0..n) of an encoding; {0} is empty. */
struct ids {
    int32_t *p;
    size_t n, cap;
};

void ids_push(struct ids *v, int32_t id);
void ids_free(struct ids *v);

/* Decodes a token's spelling: each character of the alphabet to its byte, appended to
 * *out.  False, and nothing appended, if a character is not of the alphabet. */
bool bpe_spelling(struct str token, struct buf *out);

struct bpe;

/* From the checked value of "model" in a tokenizer.json. */
struct bpe *bpe_open(struct str json, struct err *e) MUST_CHECK;
void bpe_close(struct bpe *b); /* accepts NULL */

size_t bpe_count(const struct bpe *b);    /* tokens of the vocabulary */
int32_t bpe_last_id(const struct bpe *b); /* the largest id; -1 if there is none */

/* The id of a token by its spelling in the file; -1 if there is none. */
int32_t bpe_find(const struct bpe *b, struct str spelling);

/* The bytes of a token: of its spelling if that is in the alphabet, else the
 * spelling itself.  False if no token has this id. */
bool bpe_bytes(const struct bpe *b, int32_t id, struct str *bytes);
struct str bpe_spelled(const struct bpe *b, int32_t id); /* of an id that exists */

/* One thread's buffers, with a cache of the pieces seen last. */
struct bpe_encoder;
struct bpe_encoder *bpe_encoder_new(const struct bpe *b);
void bpe_encoder_free(struct bpe_encoder *x); /* accepts NULL */

/* Appends the ids of one piece to *out.  A byte that has no token becomes the
 * model's unknown token; ERR_DATA where it has none. */
bool bpe_encode(struct bpe_encoder *x, struct str piece, struct ids *out, struct err *e) MUST_CHECK;

#endif
