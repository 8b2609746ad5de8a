/* lex.h - an answer in LaTeX or plain text as tokens.
 *
 * Spacing, sizes, styles and math delimiters are gone; numbers have lost their
 * thousands separators; letters have been told apart: functions, names of one
 * letter, words.  Text set with \text or \mathrm is read for words, never for
 * products of letters. */
#ifndef ANSWER_LEX_H
#define ANSWER_LEX_H

#include <stdbool.h>
#include <stdint.h>

#include "answer/limits.h"
#include "base/mem.h"
#include "base/str.h"

/* Kinds of token: ASCII characters stand for themselves; the others are: */
enum tok_kind {
    T_END = 0,
    T_NUM = 256, /* s: digits; scale */
    T_REPEAT,    /* a repeating decimal; s: digits before the period, t: the period */
    T_BASE,      /* s: digits, scale: base */
    T_NAME,      /* s */
    T_WORD,      /* s: as written */
    T_FUNC,      /* id: enum func */
    T_PI,
    T_INF,
    T_REL, /* id: enum rel, s: as written */
    T_PM,
    T_MP,
    T_CUP,
    T_CAP,
    T_SETMINUS,
    T_SETNAME,  /* s: R N Z Q C, or "" */
    T_SETOPEN,  /* \{ */
    T_SETCLOSE, /* \} */
    T_LANGLE,
    T_RANGLE,
    T_LFLOOR,
    T_RFLOOR,
    T_LCEIL,
    T_RCEIL,
    T_LBAR, /* \lvert, \left| */
    T_RBAR,
    T_NORM, /* || */
    T_MID,  /* such that */
    T_DEGREE,
    T_PRIME,
    T_MONEY, /* s: the currency */
    T_AND,   /* and, & in prose: separates */
    T_OR,
    T_QUAD, /* a wide space: may separate */
    T_ROW,  /* \\ */
    T_DOTS,
    T_FRAC,
    T_SQRT,
    T_BINOM,
    T_CHOOSE,
    T_BEGIN,  /* s: environment */
    T_FINISH, /* \end; s: environment */
    T_SUM,
    T_PROD,
    T_OPAQUE, /* an operator that is compared as it stands: \int, \lim; s */
    T_ACCENT, /* s: which; takes an argument */
    T_OVER,
    T_MODULO,
    T_ANGLE, /* \angle, \triangle */
    T_NOT,
};

enum tok_flag {
    TOK_SPACE = 1,   /* white space stood before it */
    TOK_TEXT = 2,    /* set as text */
    TOK_DECIMAL = 4, /* a number with a point, or as 3e5 */
    TOK_LOOSE = 8,   /* plain separators: 1,234 might be a list, 1 000 a product */
    TOK_UNIT = 16,   /* a word that is a unit */
    TOK_SINGLE = 32, /* one digit taken by \frac12 */
    TOK_PAIR = 64,   /* a letter out of a run of capitals: AB */
};

struct tok {
    uint16_t kind;
    uint8_t flags, id;
    int32_t scale;
    struct str s, t;
    uint32_t at; /* byte in the text */
};

struct lexed {
    struct tok *tok; /* ends with T_END */
    uint32_t n;      /* without the end */
    enum limit limit;
};

/* How plain separators of digits are read. */
enum lex_reading {
    LEX_THOUSANDS,     /* 1,234 is one number, 1,22 are two */
    LEX_LIST,          /* 1,234 are two numbers */
    LEX_DECIMAL_COMMA, /* 1,22 is one number */
};

/* Tokens in the arena; names and words borrow from text or static storage.
 * limit is set if there are too many, or too deep, or a number is too long. */
struct lexed lex(struct arena *a, struct str text, enum lex_reading reading);

#endif
