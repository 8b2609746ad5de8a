/* number.c - constants: integers, fractions, mixed numbers, decimals, radicals,
 * powers, pi, e and i, functions of them. */
#include "answer/compare.h"

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    if (!value_is_constant(g) || !value_is_constant(x))
        return MATCH_PASS;
    return match_of(value_equal(c, g, x));
}

ANSWER_KIND(number, 90, "number", compare);
