/* pattern_rewrite.h - an expression over code points becomes one over classes. */
#ifndef TEXT_PATTERN_REWRITE_H
#define TEXT_PATTERN_REWRITE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "text/unicode.h"

/* Appends the expression for PCRE2 (bytes, no options but DOTALL) to *out and
 * fills class_of[UNICODE_END]: below 0x80 the code point itself, from there on
 * the class.  literal: the source is a string, not an expression. */
bool pattern_rewrite(struct str source, bool literal, struct buf *out, unsigned char *class_of,
                     struct err *e) MUST_CHECK;

#endif
