/* text.c - words: the same without regard to case; a few phrases that mean the
 * same, and the sets that they mean. */
#include "answer/compare.h"
#include "answer/words.h"

#include <string.h>

enum meaning {
    MEANS_NOTHING,
    MEANS_NONE,
    MEANS_UNDEFINED,
    MEANS_MANY,
    MEANS_REALS,
    MEANS_INTEGERS,
    MEANS_YES,
    MEANS_NO
};

static enum meaning meaning(struct str s)
{
    static const struct {
        const char *text;
        enum meaning m;
    } phrases[] = {
        {"no solution", MEANS_NONE},
        {"no solutions", MEANS_NONE},
        {"no real solution", MEANS_NONE},
        {"no real solutions", MEANS_NONE},
        {"there is no solution", MEANS_NONE},
        {"there are no solutions", MEANS_NONE},
        {"empty set", MEANS_NONE},
        {"none", MEANS_NONE},
        {"undefined", MEANS_UNDEFINED},
        {"not defined", MEANS_UNDEFINED},
        {"does not exist", MEANS_UNDEFINED},
        {"dne", MEANS_UNDEFINED},
        {"infinitely many", MEANS_MANY},
        {"infinitely many solutions", MEANS_MANY},
        {"infinite number of solutions", MEANS_MANY},
        {"infinite solutions", MEANS_MANY},
        {"infinite", MEANS_MANY},
        {"all real numbers", MEANS_REALS},
        {"all reals", MEANS_REALS},
        {"real numbers", MEANS_REALS},
        {"all real number", MEANS_REALS},
        {"set of all real numbers", MEANS_REALS},
        {"all integers", MEANS_INTEGERS},
        {"integers", MEANS_INTEGERS},
        {"set of all integers", MEANS_INTEGERS},
        {"true", MEANS_YES},
        {"false", MEANS_NO},
    };
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (word_equal_fold(s, phrases[i].text))
            return phrases[i].m;
    return MEANS_NOTHING;
}

static bool same_words(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        char x = a.p[i], y = b.p[i];
        x = x >= 'A' && x <= 'Z' ? (char)(x | 32) : x;
        y = y >= 'A' && y <= 'Z' ? (char)(y | 32) : y;
        if (x != y)
            return false;
    }
    return true;
}

/* xyz beside zyx: letters that follow each other in the alphabet are factors. */
static bool same_run(struct str a, struct str b)
{
    unsigned seen_a = 0, seen_b = 0;
    if (a.n != b.n || a.n < 3 || a.n > 4)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (a.p[i] < 'a' || a.p[i] > 'z' || b.p[i] < 'a' || b.p[i] > 'z')
            return false;
        seen_a |= 1u << (a.p[i] - 'a');
        seen_b |= 1u << (b.p[i] - 'a');
    }
    unsigned run = (1u << a.n) - 1;
    while (run < seen_a)
        run <<= 1;
    return seen_a == seen_b && seen_a == run;
}

enum { LETTERS_MAX = 8 };

static bool letters_of(const struct node *x, char *letters, size_t *n)
{
    bool letter = (x->op == OP_NAME && x->name.n == 1) || x->op == OP_E || x->op == OP_I;
    if (letter && *n < LETTERS_MAX) {
        letters[(*n)++] = x->op == OP_E ? 'e' : x->op == OP_I ? 'i' : x->name.p[0];
        return true;
    }
    if (x->op != OP_MUL)
        return false;
    for (uint32_t i = 0; i < x->n; i++)
        if (!letters_of(x->kid[i], letters, n))
            return false;
    return true;
}

/* abcd beside a \cdot b \cdot c \cdot d: the other side says that letters are factors. */
static bool same_letters(struct str word, const struct node *product)
{
    char letters[LETTERS_MAX];
    size_t n = 0;
    return letters_of(product, letters, &n) &&
           (same_words(word, (struct str){letters, n}) || same_run(word, (struct str){letters, n}));
}

static bool is_everything(struct compare *c, const struct node *x)
{
    struct region r;
    return region_is_explicit(x) && region_of(c, x, &r) && r.n == 1 && !r.span[0].lo &&
           !r.span[0].hi;
}

static bool text_and_other(struct compare *c, struct str text, const struct node *x)
{
    enum meaning m = meaning(text);
    if (x->op == OP_NAME && x->name.n > 1) /* DNE, YES */
        return same_words(text, x->name) || (m != MEANS_NOTHING && m == meaning(x->name));
    if (m == MEANS_NONE)
        return x->op == OP_SETNAME && !x->name.n;
    if (m == MEANS_REALS)
        return is_everything(c, x);
    if (m == MEANS_INTEGERS)
        return x->op == OP_SETNAME && str_is(x->name, "Z");
    if (word_equal_fold(text, "zero") || word_number(text) > 0) {
        int64_t v;
        return node_small(x, &v) && v == word_number(text);
    }
    return same_letters(text, x);
}

/* An article before the words, and letters' case, do not count. */
static struct str bare(struct str s)
{
    static const char *const articles[] = {"the ", "a ", "an "};
    for (size_t i = 0; i < 3; i++)
        if (s.n > strlen(articles[i]) && memcmp(s.p, articles[i], strlen(articles[i])) == 0)
            return str_slice(s, strlen(articles[i]), s.n);
    return s;
}

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    bool gt = g->op == OP_TEXT, xt = x->op == OP_TEXT;
    if (!gt && !xt)
        return MATCH_PASS;
    if (!gt || !xt)
        return match_of(text_and_other(c, gt ? g->name : x->name, gt ? x : g));
    enum meaning m = meaning(g->name);
    return match_of(same_words(bare(g->name), bare(x->name)) || same_run(g->name, x->name) ||
                    (m != MEANS_NOTHING && m == meaning(x->name)));
}

ANSWER_KIND(text, 25, "text", compare);
