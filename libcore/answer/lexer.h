/* lexer.h - what the parts of the lexer share; lex.h is the way in. */
#ifndef ANSWER_LEXER_H
#define ANSWER_LEXER_H

#include "answer/lex.h"
#include "answer/words.h"

struct lexer {
    struct arena *a;
    struct str text;
    struct tok *tok;
    uint32_t n, cap;
    enum lex_reading reading;
    enum limit limit;
    int depth;    /* of styles */
    int round;    /* open (, [ and \{: a comma in there separates */
    int env;      /* open environments */
    bool space;   /* white space seen since the last token */
    int side;     /* \left, \right or \middle just seen: 1, 2, 3 */
    bool doubled; /* every backslash is written twice */
    bool words;   /* the whole text is words: no letter is a variable */
    char digits[ANSWER_DIGITS_MAX];
};

enum mode { MODE_MATH, MODE_TEXT };

struct tok *lexer_push(struct lexer *x, int kind, size_t at);
struct tok *lexer_last(struct lexer *x); /* NULL if there is none */
struct tok *lexer_push_word(struct lexer *x, const struct word *w, size_t pos, struct str text);

/* Each reads what starts at i and returns where it ends; i if it is nothing of
 * the kind. */
size_t lexer_number(struct lexer *x, size_t i, size_t end);        /* at a digit or point */
bool lexer_decimals(const struct lexer *x, size_t i, size_t end);  /* behind a point */
size_t lexer_letter_digits(struct lexer *x, size_t i, size_t end); /* 1A3_{16} */
size_t lexer_meridiem(struct lexer *x, size_t i, size_t end);      /* p.m. after a number */
void lexer_letters(struct lexer *x, size_t from, size_t to, enum mode mode); /* a run of letters */

/* The text is words, with nothing of mathematics among them. */
bool lexer_only_words(struct str s);

/* The byte at i; '\0' at the end. */
static inline char at(const struct lexer *x, size_t i, size_t end)
{
    return i < end ? x->text.p[i] : '\0';
}

static inline struct str piece(const struct lexer *x, size_t from, size_t to)
{
    return str_slice(x->text, from, to);
}

#endif
