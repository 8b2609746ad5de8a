/* equation.c - what is said with an equals sign.
 *
 * A name before it is dropped: x = 5 is 5, and so is f(2) = 5 or |AB| = 5.  A
 * chain is worth its last exact member.  Other equations are the same up to a
 * factor that is not zero, fractions cleared: xy = 1 is y = 1/x.  The argument's
 * name does not count: f(x) = x + 1 is f(t) = t + 1. */
#include "answer/entries.h"
#include "answer/rewrite.h"

static bool is_equation(const struct node *x)
{
    if (x->op != OP_REL)
        return false;
    for (uint32_t i = 0; i + 1 < x->n; i++)
        if (x->rel[i] != REL_EQ && x->rel[i] != REL_APPROX && x->rel[i] != REL_IN)
            return false;
    return true;
}

static bool is_plain(const struct node *x)
{
    return x->op == OP_REL && x->n == 2 && x->rel[0] == REL_EQ;
}

static bool scaled(struct compare *c, const struct node *g, const struct node *x)
{
    int sign;
    if (!is_plain(g) || !is_plain(x))
        return false;
    struct node *a = value_difference(c, g->kid[0], g->kid[1]);
    struct node *b = value_difference(c, x->kid[0], x->kid[1]);
    if (value_proportional(c, a, b, &sign))
        return true;
    if (!node_has(a, OP_DIV) && !node_has(b, OP_DIV))
        return false;
    a = rewrite_numerator(c, a);
    b = rewrite_numerator(c, b);
    return a && b && value_proportional(c, a, b, &sign);
}

/* The name of the argument of f(x); NULL if it has none. */
static const struct node *argument(const struct node *name)
{
    const struct node *x = NULL;
    if (name && name->op == OP_CALL && name->n == 1)
        x = name->kid[0];
    else if (name && name->op == OP_MUL && name->flags & NODE_CALL)
        x = name->kid[1];
    return x && x->op == OP_NAME ? x : NULL;
}

static bool same_values(struct compare *c, const struct node *gn, const struct node *gv,
                        const struct node *xn, const struct node *xv)
{
    if (!form_names_agree(c, gn, xn))
        return false;
    const struct node *a = argument(gn), *b = argument(xn);
    if (a && b && !str_eq(a->name, b->name))
        xv = value_substitute(c, xv, b->name, (struct node *)a);
    return compare_same(c, gv, xv);
}

/* Chains of the same relations, member by member. */
static bool alike(struct compare *c, const struct node *g, const struct node *x)
{
    if (g->op != OP_REL || x->op != OP_REL || g->n != x->n)
        return false;
    for (uint32_t i = 0; i < g->n; i++)
        if ((i && g->rel[i - 1] != x->rel[i - 1]) || !compare_same(c, g->kid[i], x->kid[i]))
            return false;
    return true;
}

static bool is_single(const struct node *x)
{
    return x->op != OP_LIST && x->op != OP_SET;
}

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    const struct node *gn = NULL, *gv = NULL, *xn = NULL, *xv = NULL;
    bool ge = is_equation(g), xe = is_equation(x);
    if ((!ge && !xe) || (g->op == OP_REL && !ge && !(xe && x->rel[0] == REL_IN)) ||
        (x->op == OP_REL && !xe && !(ge && g->rel[0] == REL_IN)))
        return MATCH_PASS;
    struct entries a = entries_of(c, g), b = entries_of(c, x);
    if (a.system && b.system)
        return match_of(entries_by_name(c, &a, &b));
    bool ga = form_assignment(c, g, &gn, &gv), xa = form_assignment(c, x, &xn, &xv);
    /* x = 2 among a list of one name: for the list to decide */
    if ((ge && !is_single(x) && gv->op != OP_TUPLE && is_single(gv)) ||
        (xe && !is_single(g) && xv->op != OP_TUPLE && is_single(xv)))
        return MATCH_PASS;
    if (ga && xa) {
        if (same_values(c, gn, gv, xn, xv))
            return MATCH_EQUAL;
        return match_of(gn && xn && scaled(c, g, x));
    }
    if (!ge || !xe) /* an equation is no value */
        return (!ge && g->op == OP_REL) || (!xe && x->op == OP_REL) ? MATCH_PASS : MATCH_DIFFER;
    return match_of(scaled(c, g, x) || alike(c, g, x));
}

ANSWER_KIND(equation, 10, "equation", compare);
