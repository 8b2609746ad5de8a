/* entries.c - see entries.h. */
#include "answer/entries.h"

#include <string.h>

static bool is_collection(const struct node *x)
{
    return x->op == OP_LIST || x->op == OP_SET || x->op == OP_TUPLE;
}

/* p=5, q=2; p=7, q=2 is a list of pairs: names repeat with a period. */
static void fold_periods(struct compare *c, struct entries *e)
{
    uint32_t period = 1;
    if (e->n < 4 || !e->v[0].name)
        return;
    while (period < e->n && e->v[period].name && !node_same(e->v[period].name, e->v[0].name))
        period++;
    if (period < 2 || period >= e->n || e->n % period)
        return;
    for (uint32_t i = 0; i < e->n; i++)
        if (!e->v[i].name || !node_same(e->v[i].name, e->v[i % period].name))
            return;
    uint32_t n = e->n / period;
    for (uint32_t i = 0; i < n; i++) {
        struct node *t = node_new(c->a, OP_TUPLE, period);
        t->open = '(';
        t->close = ')';
        for (uint32_t k = 0; k < period; k++)
            t->kid[k] = (struct node *)e->v[i * period + k].value;
        e->v[i] = (struct entry){NULL, t};
    }
    e->n = n;
    e->collapse = true;
}

static void note_names(struct entries *e)
{
    e->system = e->n > 1;
    for (uint32_t i = 0; i < e->n; i++) {
        e->collapse |= e->v[i].value->op == OP_TUPLE;
        if (!e->v[i].name)
            e->system = false;
        for (uint32_t k = 0; k < i && e->system; k++)
            if (node_same(e->v[i].name, e->v[k].name))
                e->system = false;
    }
}

/* a = b = 3 */
static bool is_shared_value(const struct node *x)
{
    if (x->op != OP_REL || x->n < 3 || x->kid[x->n - 1]->op == OP_NAME)
        return false;
    for (uint32_t i = 0; i + 1 < x->n; i++)
        if (x->kid[i]->op != OP_NAME || x->rel[i] != REL_EQ)
            return false;
    return true;
}

struct entries entries_of(struct compare *c, const struct node *x)
{
    struct entries e = {0};
    const struct node *name, *value;
    if (x->op == OP_REL && form_assignment(c, x, &name, &value) && name && name->op == OP_TUPLE &&
        value->op == OP_TUPLE && name->n == value->n) {
        e.v = arena_array(c->a, name->n, sizeof *e.v);
        for (uint32_t i = 0; i < name->n; i++)
            e.v[e.n++] = (struct entry){name->kid[i], value->kid[i]};
        note_names(&e);
        return e;
    }
    if (is_shared_value(x)) {
        e.v = arena_array(c->a, x->n - 1, sizeof *e.v);
        for (uint32_t i = 0; i + 1 < x->n; i++)
            e.v[e.n++] = (struct entry){x->kid[i], x->kid[x->n - 1]};
        note_names(&e);
        return e;
    }
    bool collection = is_collection(x);
    uint32_t n = collection ? x->n : 1;
    e.v = arena_array(c->a, n ? n : 1, sizeof *e.v);
    e.collapse = x->op == OP_SET || (x->op == OP_LIST && x->flags & NODE_ALTERNATIVES);
    for (uint32_t i = 0; i < n; i++) {
        const struct node *k = collection ? x->kid[i] : x;
        if (!form_assignment(c, k, &name, &value)) {
            name = NULL;
            value = k;
        }
        e.v[e.n++] = (struct entry){name, value};
    }
    if (x->op == OP_LIST)
        fold_periods(c, &e);
    note_names(&e);
    return e;
}

bool entries_nested(const struct entries *e)
{
    for (uint32_t i = 0; i < e->n; i++)
        if (e->n > 1 && e->v[i].value->op == OP_SET)
            return true;
    return false;
}

bool entries_ordered(struct compare *c, const struct entries *g, const struct entries *x)
{
    if (g->n != x->n)
        return false;
    for (uint32_t i = 0; i < g->n; i++)
        if (!compare_same(c, g->v[i].value, x->v[i].value))
            return false;
    return true;
}

bool entries_by_name(struct compare *c, const struct entries *g, const struct entries *x)
{
    if (g->n != x->n)
        return false;
    for (uint32_t i = 0; i < g->n; i++) {
        uint32_t k = 0;
        while (k < x->n && !node_same(g->v[i].name, x->v[k].name))
            k++;
        if (k == x->n || !compare_same(c, g->v[i].value, x->v[k].value))
            return false;
    }
    return true;
}

static bool same_entry(struct compare *c, const struct entry *g, const struct entry *x)
{
    return form_names_agree(c, g->name, x->name) && compare_same(c, g->value, x->value);
}

/* Every element of a has its like in b. */
static bool covered(struct compare *c, const struct entries *a, const struct entries *b, bool swap)
{
    for (uint32_t i = 0; i < a->n; i++) {
        uint32_t k = 0;
        while (k < b->n &&
               !(swap ? same_entry(c, &b->v[k], &a->v[i]) : same_entry(c, &a->v[i], &b->v[k])))
            k++;
        if (k == b->n)
            return false;
    }
    return true;
}

bool entries_unordered(struct compare *c, const struct entries *g, const struct entries *x)
{
    bool one = g->n == 1 || x->n == 1; /* 7 said twice is 7 */
    if (g->collapse || x->collapse || (one && g->n != x->n))
        return covered(c, g, x, false) && covered(c, x, g, true);
    if (g->n != x->n)
        return false;
    bool *used = arena_alloc(c->a, x->n);
    memset(used, 0, x->n);
    for (uint32_t i = 0; i < g->n; i++) {
        /* the same place first: most lists come in order */
        uint32_t k = 0;
        while (k < x->n) {
            uint32_t at = (i + k) % x->n;
            if (!used[at] && same_entry(c, &g->v[i], &x->v[at])) {
                used[at] = true;
                break;
            }
            k++;
        }
        if (k == x->n)
            return false;
    }
    return true;
}
