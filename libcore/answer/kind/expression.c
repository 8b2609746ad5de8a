/* expression.c - expressions in variables: equal as functions where both are
 * defined.  Anything else that is left must be the same tree. */
#include "answer/compare.h"

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    if (value_is_expression(g) && value_is_expression(x))
        return match_of(value_equal(c, g, x));
    return match_of(node_same(g, x));
}

ANSWER_KIND(expression, 99, "expression", compare);
