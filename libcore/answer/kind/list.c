/* list.c - several answers in any order.
 *
 * Repeated members count once in sets, among alternatives and among tuples;
 * elsewhere as often as they stand there: 1, 1, 2 is not 1, 2.  x = 1, y = 2 is
 * matched by its names, or by its order where the other side has none. */
#include "answer/entries.h"

/* x_1 = 2, x_2 = 3: which root comes first says nothing. */
static bool is_numbered(const struct entries *e)
{
    for (uint32_t i = 0; i < e->n; i++) {
        const struct node *x = e->v[i].name;
        int64_t k;
        if (!x || x->op != OP_CALL || x->n != 1 || !node_small(x->kid[0], &k) || k < 1 ||
            k > (int64_t)e->n || !str_eq(x->name, e->v[0].name->name))
            return false;
    }
    return true;
}

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    if (g->op != OP_LIST && x->op != OP_LIST)
        return MATCH_PASS;
    struct entries a = entries_of(c, g), b = entries_of(c, x);
    if (a.system && b.system)
        return match_of(entries_by_name(c, &a, &b));
    if (a.system || b.system)
        return match_of(entries_ordered(c, &a, &b) ||
                        (is_numbered(a.system ? &a : &b) && entries_unordered(c, &a, &b)));
    if (entries_nested(&a) != entries_nested(&b)) /* {1}, {2} are two sets */
        return MATCH_DIFFER;
    c->in_list += a.n > 1 && b.n > 1;
    bool equal = entries_unordered(c, &a, &b);
    c->in_list -= a.n > 1 && b.n > 1;
    return match_of(equal);
}

ANSWER_KIND(list, 60, "list", compare);
