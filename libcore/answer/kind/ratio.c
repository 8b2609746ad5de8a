/* ratio.c - 4:6 is 2:3, and 2/3. */
#include "answer/compare.h"

static bool is_ratio(const struct node *x)
{
    return x->op == OP_RATIO || x->op == OP_CLOCK;
}

static struct node *times(struct compare *c, struct node *a, struct node *b)
{
    return node_2(c->a, OP_MUL, a, b);
}

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    if (!is_ratio(g) && !is_ratio(x))
        return MATCH_PASS;
    if (!is_ratio(g) || !is_ratio(x)) {
        const struct node *r = is_ratio(g) ? g : x, *v = is_ratio(g) ? x : g;
        if (r->n != 2 || !value_is_expression(v))
            return MATCH_DIFFER;
        struct node *quotient = node_2(c->a, OP_DIV, r->kid[0], r->kid[1]);
        return match_of(value_equal(c, r == g ? quotient : v, r == g ? v : quotient));
    }
    if (g->n != x->n)
        return MATCH_DIFFER;
    for (uint32_t i = 0; i < g->n; i++)
        if (!value_is_expression(g->kid[i]) || !value_is_expression(x->kid[i]))
            return MATCH_DIFFER;
    for (uint32_t i = 1; i < g->n; i++)
        if (!value_equal(c, times(c, g->kid[i], x->kid[0]), times(c, x->kid[i], g->kid[0])))
            return MATCH_DIFFER;
    /* 0:0 is in proportion to everything */
    struct small first;
    return match_of(!exact_small(x->kid[0], &first) || first.n != 0 ||
                    compare_same(c, g->kid[0], x->kid[0]));
}

ANSWER_KIND(ratio, 72, "ratio", compare);
