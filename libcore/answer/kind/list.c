/* list.c - several answers in any order.
 *
 * Repeated members count once in sets, among alternatives and among tuples;
 * elsewhere as often as they stand there.  x = 1, y = 2 is matched by its names,
 * or by its order where the other side has none. */
#include "answer/entries.h"

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    if (g->op != OP_LIST && x->op != OP_LIST)
        return MATCH_PASS;
    struct entries a = entries_of(c, g), b = entries_of(c, x);
    if (a.system && b.system)
        return match_of(entries_by_name(c, &a, &b));
    if (a.system || b.system)
        return match_of(entries_ordered(c, &a, &b));
    return match_of(entries_unordered(c, &a, &b));
}

ANSWER_KIND(list, 60, "list", compare);
