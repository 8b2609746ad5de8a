/* tuple.c - points, vectors, intervals as they are written: the order counts, and
 * for two members the brackets. */
#include "answer/entries.h"

static bool same_brackets(const struct node *g, const struct node *x)
{
    return g->n != 2 || (g->open == x->open && g->close == x->close);
}

/* A list, or a set whose backslashes were lost, may stand for a tuple in its order. */
static bool is_sequence(const struct node *x)
{
    return (x->op == OP_LIST && !(x->flags & NODE_ALTERNATIVES)) ||
           (x->op == OP_SET && x->flags & NODE_LOOSE);
}

static bool is_round(const struct node *x)
{
    return x->n != 2 || (x->open == '(' && x->close == ')');
}

/* P(1, 2): a point with its name. */
static const struct node *named_point(struct compare *c, const struct node *x)
{
    if (x->op != OP_CALL || x->n < 2)
        return x;
    struct node *t = node_list(c->a, OP_TUPLE, x->kid, x->n);
    t->open = '(';
    t->close = ')';
    return t;
}

/* {(1, 2)} is its only member. */
static const struct node *only_member(const struct node *x)
{
    return (x->op == OP_SET || x->op == OP_LIST) && x->n == 1 && x->kid[0]->op == OP_TUPLE
               ? x->kid[0]
               : x;
}

/* y = 1, x = 2 beside (2, 1): coordinates come in the order of their letters. */
static void sort_coordinates(struct entries *e)
{
    for (uint32_t i = 0; i < e->n; i++) {
        const struct node *n = e->v[i].name;
        if (!n || n->op != OP_NAME || n->name.n != 1 || n->name.p[0] < 'x' || n->name.p[0] > 'z')
            return;
    }
    for (uint32_t i = 1; i < e->n; i++)
        for (uint32_t k = i; k && e->v[k].name->name.p[0] < e->v[k - 1].name->name.p[0]; k--) {
            struct entry t = e->v[k];
            e->v[k] = e->v[k - 1];
            e->v[k - 1] = t;
        }
}

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    bool gt = g->op == OP_TUPLE, xt = x->op == OP_TUPLE;
    if (!gt && !xt)
        return MATCH_PASS;
    g = only_member(g);
    x = only_member(x);
    gt = g->op == OP_TUPLE;
    xt = x->op == OP_TUPLE;
    if (!gt)
        g = named_point(c, g);
    if (!xt)
        x = named_point(c, x);
    gt = g->op == OP_TUPLE;
    xt = x->op == OP_TUPLE;
    if (gt && xt && !same_brackets(g, x))
        return MATCH_DIFFER;
    if (!(gt || is_sequence(g)) || !(xt || is_sequence(x)) ||
        !(gt && xt ? 1 : is_round(gt ? g : x)))
        return MATCH_DIFFER;
    struct entries a = entries_of(c, g), b = entries_of(c, x);
    if (a.system != b.system)
        sort_coordinates(a.system ? &a : &b);
    return match_of(entries_ordered(c, &a, &b));
}

ANSWER_KIND(tuple, 50, "tuple", compare);
