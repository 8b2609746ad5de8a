/* interval.c - intervals, unions and conditions in one variable, as sets of real
 * numbers: ends and their types count, the way they are written does not. */
#include "answer/compare.h"

#include <string.h>

static void operands(const struct node *x, enum op op, const struct node **v, uint32_t *n)
{
    if (x->op != op) {
        if (*n < ANSWER_TERMS_MAX)
            v[(*n)++] = x;
        return;
    }
    operands(x->kid[0], op, v, n);
    operands(x->kid[1], op, v, n);
}

/* Ends that cannot be ordered: unions of the same parts. */
static bool same_parts(struct compare *c, const struct node *g, const struct node *x)
{
    const struct node *a[ANSWER_TERMS_MAX], *b[ANSWER_TERMS_MAX];
    bool used[ANSWER_TERMS_MAX] = {false};
    uint32_t n = 0, m = 0;
    operands(g, (enum op)g->op, a, &n);
    operands(x, (enum op)x->op, b, &m);
    if (n != m)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = 0;
        while (k < m && (used[k] || !compare_same(c, a[i], b[k])))
            k++;
        if (k == m)
            return false;
        used[k] = true;
    }
    return true;
}

static bool is_condition(const struct node *x)
{
    return (x->op == OP_REL && x->rel[0] != REL_IN) || x->op == OP_LIST;
}

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    struct region a, b;
    if ((!region_is_explicit(g) && !region_is_explicit(x)) || g->op == OP_TEXT || x->op == OP_TEXT)
        return MATCH_PASS;
    if (g->op == OP_TUPLE && x->op == OP_TUPLE)
        return MATCH_PASS;
    bool letter = g->op == OP_NAME || x->op == OP_NAME; /* R for \mathbb{R} */
    if ((g->op == OP_SETNAME || x->op == OP_SETNAME) &&
        (g->op == x->op || (letter && g->name.n && x->name.n)))
        return match_of(str_eq(g->name, x->name));
    if (!c->o->set_relation && is_condition(x) && !is_condition(g))
        return MATCH_DIFFER;
    if (region_of(c, g, &a) && region_of(c, x, &b))
        return match_of(form_names_agree(c, a.about, b.about) && region_equal(c, &a, &b));
    if (g->op != x->op)
        return g->op == OP_LIST && x->op == OP_LIST ? MATCH_PASS : MATCH_DIFFER;
    switch (g->op) {
    case OP_UNION:
    case OP_INTERSECT: return match_of(same_parts(c, g, x));
    case OP_SETMINUS:
    case OP_BUILDER:
        return match_of(compare_same(c, g->kid[0], x->kid[0]) &&
                        compare_same(c, g->kid[1], x->kid[1]));
    default: return MATCH_PASS;
    }
}

ANSWER_KIND(interval, 30, "interval", compare);
