/* added.h - tokens that are found in a text as they are spelled, before BPE sees
 * it: control tokens and words added to a vocabulary. */
#ifndef TEXT_ADDED_H
#define TEXT_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "text/unicode.h"

enum {
    ADDED_MAX = 1 << 16,    /* tokens */
    ADDED_BYTES_MAX = 1024, /* of one token's text */
};

struct added_token {
    struct str content;
    struct str pattern; /* what is found in a text, and what the token decodes to: the content, or
                         * its normalised form; not empty */
    int32_t id;
    bool special;
    bool normalized;     /* found in the normalised text, by its normalised content */
    bool single_word;    /* only where no word character touches it */
    bool lstrip, rstrip; /* takes the white space on that side with it */
};

struct added;

struct added *added_new(void);
void added_free(struct added *a); /* accepts NULL */

/* Copies *t; content that is there already is left as it is. */
bool added_add(struct added *a, const struct added_token *t, struct err *e) MUST_CHECK;

size_t added_count(const struct added *a);
const struct added_token *added_at(const struct added *a, size_t i);
const struct added_token *added_by_content(const struct added *a, struct str content);

/* A search through one text for the tokens with the given `normalized` flag:
 * leftmost, of these the longest.  What touches one of the spans is not
 * recognised, nor are special tokens if no_special is set. */
struct added_search {
    const struct added *a;
    bool normalized, no_special;
    struct str text;
    const struct text_span *spans; /* in rising order, not overlapping */
    size_t n_spans;
    size_t at, done, span; /* start with 0 */
};

/* The next token and the bytes it takes; *from is never before the end of the
 * last one unless that one took the beginning of this one as white space. */
bool added_next(struct added_search *s, size_t *from, size_t *to, const struct added_token **t);

#endif
