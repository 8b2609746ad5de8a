/* entries.h - the elements of lists, sets and tuples, with the names before
 * them: what the kinds list, set, tuple and equation share. */
#ifndef ANSWER_ENTRIES_H
#define ANSWER_ENTRIES_H

#include "answer/compare.h"

struct entries {
    struct entry {
        const struct node *name; /* NULL: none */
        const struct node *value;
    } * v;
    uint32_t n;
    bool system;   /* every element has a name of its own: x = 1, y = 2 */
    bool collapse; /* a repeated element counts once */
};

/* Of a list, set or tuple; of (x, y) = (1, 2); of anything else: the thing itself. */
struct entries entries_of(struct compare *c, const struct node *x);

bool entries_nested(const struct entries *e); /* a set is among several elements */
bool entries_ordered(struct compare *c, const struct entries *g, const struct entries *x);
bool entries_unordered(struct compare *c, const struct entries *g, const struct entries *x);
bool entries_by_name(struct compare *c, const struct entries *g, const struct entries *x);

#endif
