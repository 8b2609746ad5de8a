/* scan.h - characters and braces: what the extractor and the lexer share. */
#ifndef ANSWER_SCAN_H
#define ANSWER_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

static inline bool scan_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool scan_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool scan_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Where the brace that opens at s[open] closes; STR_NONE if it does not.
 * \{ and \} do not count. */
size_t scan_brace(struct str s, size_t open);

/* A superscript or subscript character as the ASCII one it stands for; 0: none. */
char scan_script(uint32_t c, bool *super);

/* One half and its kind. */
bool scan_fraction(uint32_t c, const char **num, const char **den);

/* A mathematical character as ASCII or as a command ("\\pi"); "" if it means
 * nothing, " " for spaces; NULL if it is not known. */
const char *scan_unicode(uint32_t c);

#endif
