/* lex_word.c - runs of letters: functions, names, products of names, words. */
#include "answer/lexer.h"
#include "answer/scan.h"
#include "answer/tree.h"

#include <string.h>

static bool after_value(struct lexer *x)
{
    struct tok *t = lexer_last(x);
    return t && (t->kind == T_NUM || t->kind == ')' || t->kind == '}' || t->kind == T_REPEAT ||
                 (t->kind == T_WORD && t->flags & TOK_UNIT) || t->kind == '/');
}

struct tok *lexer_push_word(struct lexer *x, const struct word *w, size_t pos, struct str text)
{
    struct tok *t = lexer_push(x, w->kind, pos);
    t->id = w->id;
    t->s = w->s ? str_of(w->s) : text;
    return t;
}

static bool has_vowel(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr("aeiouyAEIOUY", s.p[i]))
            return true;
    return false;
}

static void push_letters(struct lexer *x, size_t from, size_t to, uint8_t flags)
{
    for (size_t i = from; i < to; i++) {
        struct tok *t = lexer_push(x, T_NAME, i);
        t->s = piece(x, i, i + 1);
        t->flags |= flags;
    }
}

/* sinx, 2cosxy, xlnx: functions with at most two letters around them. */
static bool push_functions(struct lexer *x, size_t from, size_t to)
{
    static const char *const names[] = {"arcsin", "arccos", "arctan", "sqrt", "sin", "cos", "tan",
                                        "cot",    "sec",    "csc",    "log",  "exp", "ln"};
    struct {
        size_t from, to;
        bool function;
    } part[8];
    size_t n = 0, letters = 0, functions = 0;
    for (size_t i = from; i < to && n < 8; n++) {
        size_t len = 0;
        for (size_t k = 0; k < sizeof names / sizeof *names && !len; k++)
            if (x->text.p[i] == names[k][0] && to - i >= strlen(names[k]) &&
                memcmp(x->text.p + i, names[k], strlen(names[k])) == 0)
                len = strlen(names[k]);
        part[n].from = i;
        part[n].to = i + (len ? len : 1);
        part[n].function = len > 0;
        functions += len > 0;
        letters += len == 0;
        i = part[n].to;
    }
    if (!functions || letters > 2 || part[n - 1].to != to)
        return false;
    for (size_t k = 0; k < n; k++)
        if (part[k].function)
            lexer_push_word(x, word_plain(piece(x, part[k].from, part[k].to)), part[k].from,
                            piece(x, part[k].from, part[k].to));
        else
            push_letters(x, part[k].from, part[k].to, 0);
    return true;
}

static bool all_capitals(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return true;
}

/* ax + by: two letters beside an operator are factors, whatever they spell. */
static bool beside_operator(struct lexer *x, size_t from, size_t to)
{
    struct tok *t = lexer_last(x);
    struct str s = piece(x, from, to);
    if (to - from != 2 || x->words || word_is_judging(s) || word_unit(s))
        return false;
    if (t && (t->kind == '+' || t->kind == '-' || t->kind == '*' || t->kind == '/'))
        return true;
    size_t i = to;
    while (i < x->text.n && scan_space(x->text.p[i]))
        i++;
    return i < x->text.n && strchr("+-*/^=", x->text.p[i]);
}

void lexer_letters(struct lexer *x, size_t from, size_t to, enum mode mode)
{
    struct str s = piece(x, from, to);
    if (s.n == 1) {
        bool constant = s.p[0] == 'e' || s.p[0] == 'i';
        bool word = mode == MODE_TEXT && after_value(x) && !x->words && !constant;
        struct tok *t = lexer_push(x, word ? T_WORD : T_NAME, from);
        t->s = s;
        t->flags |= mode == MODE_TEXT ? TOK_TEXT : 0;
        if (word)
            t->flags |= TOK_UNIT;
        return;
    }
    bool unit = word_unit(s) != NULL;
    if (unit && after_value(x) && !word_equal_fold(s, "in")) {
        struct tok *t = lexer_push(x, T_WORD, from);
        t->s = s;
        t->flags |= TOK_UNIT;
        return;
    }
    const struct word *w = word_plain(s);
    if (w && (w->kind == '%' || w->kind == T_DEGREE) && mode == MODE_TEXT && !after_value(x))
        w = NULL;
    if (w && !(x->words && w->kind != T_AND && w->kind != T_OR)) {
        lexer_push_word(x, w, from, s)->flags |= mode == MODE_TEXT ? TOK_TEXT : 0;
        return;
    }
    if (mode == MODE_TEXT || x->words || s.n > 3 ||
        (word_is_short(s) && !beside_operator(x, from, to))) {
        if (mode == MODE_MATH && !x->words) {
            if (all_capitals(s)) {
                lexer_push(x, T_NAME, from)->s = s;
                return;
            }
            if (push_functions(x, from, to))
                return;
            if (str_starts(s, STR("or")) && s.n == 3 && s.p[2] >= 'A' && s.p[2] <= 'Z') {
                lexer_push(x, T_OR, from);
                push_letters(x, from + 2, to, 0);
                return;
            }
        }
        struct tok *t = lexer_push(x, T_WORD, from);
        t->s = s;
        t->flags |= TOK_TEXT | (unit ? TOK_UNIT : 0);
        return;
    }
    if (all_capitals(s)) {
        if (s.n == 2)
            push_letters(x, from, to, TOK_PAIR);
        else
            lexer_push(x, T_NAME, from)->s = s;
        return;
    }
    if (s.n == 3 && str_starts(s, STR("or")) && s.p[2] >= 'A' && s.p[2] <= 'Z') {
        lexer_push(x, T_OR, from);
        push_letters(x, from + 2, to, 0);
        return;
    }
    if (s.n == 3 && s.p[0] == 'p' && s.p[1] == 'i') {
        lexer_push(x, T_PI, from);
        push_letters(x, from + 2, to, 0);
        return;
    }
    if (push_functions(x, from, to))
        return;
    push_letters(x, from, to, 0);
}

/* a.m., p.m., AM, pm after a number. */
size_t lexer_meridiem(struct lexer *x, size_t i, size_t end)
{
    struct tok *t = lexer_last(x);
    if (!t || t->kind != T_NUM)
        return i;
    char c = (char)(x->text.p[i] | 32);
    if (c != 'a' && c != 'p')
        return i;
    size_t k = i + 1;
    if (at(x, k, end) == '.')
        k++;
    while (at(x, k, end) == ' ' && x->text.p[k - 1] == '.')
        k++;
    if ((at(x, k, end) | 32) != 'm' || scan_letter(at(x, k + 1, end)))
        return i;
    k++;
    if (at(x, k, end) == '.')
        k++;
    struct tok *w = lexer_push(x, T_WORD, i);
    w->s = c == 'a' ? STR("am") : STR("pm");
    w->flags |= TOK_TEXT;
    return k;
}

/* Nothing but words: letters, spaces and the marks of sentences, with at least
 * one run of three letters or more that has a vowel and means nothing in math. */
bool lexer_only_words(struct str s)
{
    bool found = false;
    for (size_t i = 0; i < s.n;) {
        if (scan_letter(s.p[i])) {
            size_t k = i;
            while (k < s.n && scan_letter(s.p[k]))
                k++;
            struct str run = str_slice(s, i, k);
            const struct word *w = word_plain(run);
            if (run.n >= 3 && !w && has_vowel(run) && !(all_capitals(run) && run.n < 5))
                found = true;
            if (w && w->kind == T_FUNC && run.n > 2)
                return false;
            i = k;
        } else if (scan_space(s.p[i]) || strchr(".,;:?!'\"-", s.p[i])) {
            i++;
        } else {
            return false;
        }
    }
    return found;
}
