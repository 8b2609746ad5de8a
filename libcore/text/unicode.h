/* unicode.h - what tokenizers ask of Unicode, the same with every version of
 * every library: categories of Unicode 16.0, and the canonical composition of
 * Unicode 9.0, which are the versions inside the reference software. */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum {
    UNICODE_END = 0x110000,
    UNICODE_SPACE_END = 0x3001
}; /* all code points, all spaces, are below */

enum category {
    CAT_CN, /* not assigned */
    CAT_LU,
    CAT_LL,
    CAT_LT,
    CAT_LM,
    CAT_LO,
    CAT_MN,
    CAT_MC,
    CAT_ME,
    CAT_ND,
    CAT_NL,
    CAT_NO,
    CAT_PC,
    CAT_PD,
    CAT_PS,
    CAT_PE,
    CAT_PI,
    CAT_PF,
    CAT_PO,
    CAT_SM,
    CAT_SC,
    CAT_SK,
    CAT_SO,
    CAT_ZS,
    CAT_ZL,
    CAT_ZP,
    CAT_CC,
    CAT_CF,
    CAT_CS,
    CAT_CO
};

/* Sets of categories: bit 1 << enum category. */
enum {
    CATS_L = 1 << CAT_LU | 1 << CAT_LL | 1 << CAT_LT | 1 << CAT_LM | 1 << CAT_LO,
    CATS_M = 1 << CAT_MN | 1 << CAT_MC | 1 << CAT_ME,
    CATS_N = 1 << CAT_ND | 1 << CAT_NL | 1 << CAT_NO,
    CATS_P = 1 << CAT_PC | 1 << CAT_PD | 1 << CAT_PS | 1 << CAT_PE | 1 << CAT_PI | 1 << CAT_PF |
             1 << CAT_PO,
    CATS_S = 1 << CAT_SM | 1 << CAT_SC | 1 << CAT_SK | 1 << CAT_SO,
    CATS_Z = 1 << CAT_ZS | 1 << CAT_ZL | 1 << CAT_ZP,
    CATS_C = 1 << CAT_CN | 1 << CAT_CC | 1 << CAT_CF | 1 << CAT_CS | 1 << CAT_CO
};

enum category unicode_category(uint32_t code_point);
bool unicode_is_space(uint32_t code_point);      /* White_Space: 25 code points */
bool unicode_is_number(uint32_t code_point);     /* Nd, Nl, No */
bool unicode_is_alphabetic(uint32_t code_point); /* Alphabetic, marks of any kind included */
bool unicode_is_word(uint32_t code_point); /* \w of UTS 18: alphabetic, marks, Nd, Pc, joiners */

/* Walks the runs of equal category: the run that starts at `from` (a start of a
 * run, 0 at first) ends before the value returned; UNICODE_END after the last. */
uint32_t unicode_category_run(uint32_t from, enum category *category);

/* Byte ranges [from, to) of a text, in rising order, not overlapping. */
struct text_span {
    size_t from, to;
};

/* Appends the composed form (NFC) of valid UTF-8 to *out.  The spans are moved
 * with the text; one that begins or ends inside what was changed together grows
 * to contain it. */
void unicode_nfc(struct str text, struct buf *out, struct text_span *spans, size_t n_spans);

/* True if unicode_nfc would change nothing; may say false of such a text. */
bool unicode_is_plainly_nfc(struct str text);

#endif
