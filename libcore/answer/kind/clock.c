/* clock.c - times of day: 4:30 p.m. is 4:30 where the other says no more, and not
 * 4:30 a.m.  Without a.m. or p.m. on either side two that could be ratios are. */
#include "answer/compare.h"

static bool is_ratio(const struct node *x)
{
    return x->op == OP_RATIO || x->op == OP_CLOCK;
}

/* 2:05 is a time, 12:10 might be a ratio. */
static bool is_certain(const struct node *x)
{
    return x->name.n || (x->kid[1]->op == OP_NUM && x->kid[1]->name.n == 1);
}

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    if (g->op != OP_CLOCK && x->op != OP_CLOCK)
        return MATCH_PASS;
    if (g->op != OP_CLOCK || x->op != OP_CLOCK) {
        const struct node *clock = g->op == OP_CLOCK ? g : x;
        return clock->name.n || !is_ratio(g == clock ? x : g) ? MATCH_DIFFER : MATCH_PASS;
    }
    if (g->name.n && x->name.n && !str_eq(g->name, x->name))
        return MATCH_DIFFER;
    if (compare_same(c, g->kid[0], x->kid[0]) && compare_same(c, g->kid[1], x->kid[1]))
        return MATCH_EQUAL;
    return is_certain(g) || is_certain(x) ? MATCH_DIFFER : MATCH_PASS;
}

ANSWER_KIND(clock, 70, "clock", compare);
