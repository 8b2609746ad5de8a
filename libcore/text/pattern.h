/* pattern.h - the regular expressions of pre-tokenizers, with the meaning they
 * have in the reference software (Oniguruma's syntax, Unicode 16.0).
 *
 * PCRE2 does the matching, but never sees Unicode: every code point of the text
 * becomes one byte that names its class - ASCII stands for itself, all others are
 * classed by which of the pattern's sets contain them - and the pattern is
 * rewritten over these classes.  So classes are exactly ours, whatever version
 * of Unicode PCRE2 has, and matching runs on bytes.
 *
 * Supported: literals, sets with ranges and properties of general category,
 * \s \S \d \D \w \W, groups, (?i), look-around, greedy, lazy and possessive
 * quantifiers.  Anything else is refused by name. */
#ifndef TEXT_PATTERN_H
#define TEXT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct pattern;

enum { PATTERN_LENGTH_MAX = 16384 };

/* literal: the source is a string to be found, not an expression. */
struct pattern *pattern_open(struct str source, bool literal, struct err *e) MUST_CHECK;
void pattern_close(struct pattern *p); /* accepts NULL */

/* What one thread needs to match: buffers that grow with the text. */
struct matcher;
struct matcher *matcher_new(void);
void matcher_free(struct matcher *m);

/* Starts on a text (valid UTF-8, borrowed until the last match). */
void matcher_start(struct matcher *m, const struct pattern *p, struct str text);

/* The next match from left to right, as byte offsets: 1 and *from <= *to, or 0
 * when there are no more, or -1 with *e set if the limits of work are exceeded. */
int matcher_next(struct matcher *m, size_t *from, size_t *to, struct err *e);

#endif
