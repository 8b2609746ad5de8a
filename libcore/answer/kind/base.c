/* base.c - digits in a base: 101_2 is 101_2 and the number five; the base is
 * never dropped. */
#include "answer/compare.h"

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    if (g->op != OP_BASE && x->op != OP_BASE)
        return MATCH_PASS;
    if (!value_is_constant(g) || !value_is_constant(x))
        return MATCH_DIFFER;
    return match_of(value_equal(c, g, x));
}

ANSWER_KIND(base, 84, "base", compare);
