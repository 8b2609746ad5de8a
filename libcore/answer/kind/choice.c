/* choice.c - several letters of choices run together: ACD is A, C, D.  (One letter
 * against a response with words is decided before there are trees.) */
#include "answer/compare.h"

enum { LETTERS = 8 }; /* A to H */

static bool letter(const struct node *x, unsigned *set)
{
    if (x->op != OP_NAME || x->name.n != 1 || x->name.p[0] < 'A' || x->name.p[0] >= 'A' + LETTERS)
        return false;
    unsigned bit = 1u << (x->name.p[0] - 'A');
    bool again = *set & bit;
    *set |= bit;
    return !again;
}

/* AB (read as a product) or ACD (read as one name), in the order of the alphabet. */
static bool letters_together(const struct node *x, unsigned *set)
{
    unsigned last = 0;
    *set = 0;
    if (x->op == OP_MUL) {
        for (uint32_t i = 0; i < x->n; i++, last = *set)
            if (!letter(x->kid[i], set) || *set < 2 * last)
                return false;
        return true;
    }
    if (x->op != OP_NAME || x->name.n < 2)
        return false;
    for (size_t i = 0; i < x->name.n; i++, last = *set) {
        struct node one = {.op = OP_NAME, .name = str_slice(x->name, i, i + 1)};
        if (!letter(&one, set) || *set < 2 * last)
            return false;
    }
    return true;
}

static bool letters_apart(const struct node *x, unsigned *set)
{
    *set = 0;
    if (x->op != OP_LIST && x->op != OP_SET)
        return false;
    for (uint32_t i = 0; i < x->n; i++)
        if (!letter(x->kid[i], set))
            return false;
    return x->n > 1;
}

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    unsigned a, b;
    (void)c;
    bool together = letters_together(g, &a) && letters_apart(x, &b);
    if (!together && !(letters_together(x, &b) && letters_apart(g, &a)))
        return MATCH_PASS;
    return match_of(a == b);
}

ANSWER_KIND(choice, 5, "choice", compare);
