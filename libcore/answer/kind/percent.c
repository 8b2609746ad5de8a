/* percent.c - 28% is 28 percent and 28 (the sign is often left out), and 0.28. */
#include "answer/compare.h"

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    bool gp = g->op == OP_PERCENT, xp = x->op == OP_PERCENT;
    if (!gp && !xp)
        return MATCH_PASS;
    if (gp != xp && (gp ? g : x)->kid[0]->op == OP_NAME) /* A% is not A */
        return MATCH_DIFFER;
    const struct node *gv = gp ? g->kid[0] : g, *xv = xp ? x->kid[0] : x;
    if (compare_same(c, gv, xv))
        return MATCH_EQUAL;
    return match_of(gp != xp && value_is_constant(g) && value_is_constant(x) &&
                    value_equal(c, g, x));
}

ANSWER_KIND(percent, 80, "percent", compare);
