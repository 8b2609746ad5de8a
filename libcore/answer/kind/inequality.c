/* inequality.c - relations with a direction, and the others.
 *
 * The same up to swapped sides and a factor, which turns the sign where it is
 * negative.  Chains are the same set of pairs. */
#include "answer/compare.h"

static enum rel mirrored(enum rel r)
{
    switch (r) {
    case REL_LT: return REL_GT;
    case REL_LE: return REL_GE;
    case REL_GT: return REL_LT;
    case REL_GE: return REL_LE;
    default: return r;
    }
}

static bool same_pair(struct compare *c, const struct node *g, uint32_t i, const struct node *x,
                      uint32_t k)
{
    struct node *gl = g->kid[i], *gr = g->kid[i + 1], *xl = x->kid[k], *xr = x->kid[k + 1];
    enum rel a = (enum rel)g->rel[i], b = (enum rel)x->rel[k];
    int sign;
    if (a != b && a != mirrored(b))
        return false;
    if (a == REL_OTHER || a == REL_IN)
        return a == b && compare_same(c, gl, xl) && compare_same(c, gr, xr);
    bool constant = value_is_constant(gl) && value_is_constant(gr); /* 1 < 2 is not 1 < 3 */
    if (!constant && value_is_expression(gl) && value_is_expression(gr) &&
        value_is_expression(xl) && value_is_expression(xr) &&
        value_proportional(c, value_difference(c, gl, gr), value_difference(c, xl, xr), &sign)) {
        if (a == REL_NE || a == REL_EQ || a == REL_APPROX)
            return true;
        if (sign)
            return a == (sign > 0 ? b : mirrored(b));
    }
    return (a == b && compare_same(c, gl, xl) && compare_same(c, gr, xr)) ||
           (a == mirrored(b) && compare_same(c, gl, xr) && compare_same(c, gr, xl));
}

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    if (g->op != OP_REL || x->op != OP_REL)
        return MATCH_PASS;
    bool used[ANSWER_TERMS_MAX] = {false};
    bool equal = g->n == x->n;
    for (uint32_t i = 0; equal && i + 1 < g->n; i++) {
        uint32_t k = 0;
        while (k + 1 < x->n && (used[k] || !same_pair(c, g, i, x, k)))
            k++;
        equal = k + 1 < x->n;
        if (equal)
            used[k] = true;
    }
    if (equal)
        return MATCH_EQUAL;
    return region_is_explicit(g) && region_is_explicit(x) ? MATCH_PASS : MATCH_DIFFER;
}

ANSWER_KIND(inequality, 20, "inequality", compare);
