/* set.c - sets in braces: any order, repeated members once; a set of one member
 * is that member. */
#include "answer/entries.h"

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    if (g->op != OP_SET && x->op != OP_SET)
        return MATCH_PASS;
    struct entries a = entries_of(c, g), b = entries_of(c, x);
    return match_of(entries_nested(&a) == entries_nested(&b) && entries_unordered(c, &a, &b));
}

ANSWER_KIND(set, 62, "set", compare);
