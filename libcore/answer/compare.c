/* compare.c - asks the kinds in turn.  See compare.h. */
#include "answer/compare.h"

#define X(symbol, name) extern const struct answer_kind answer_kind_##symbol;
#include "answer/kind.list"
#undef X

static const struct answer_kind *const kinds[] = {
#define X(symbol, name) &answer_kind_##symbol,
#include "answer/kind.list"
#undef X
};

enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* The kind with the smallest rank above `rank`; NULL: no more. */
static const struct answer_kind *next_kind(int rank)
{
    const struct answer_kind *best = NULL;
    for (int i = 0; i < N_KINDS; i++)
        if (kinds[i]->rank > rank && (!best || kinds[i]->rank < best->rank))
            best = kinds[i];
    return best;
}

bool compare_same(struct compare *c, const struct node *gold, const struct node *x)
{
    enum match m = MATCH_PASS;
    const char *why = "differ:form";
    if (c->budget.limit != LIMIT_NONE || !budget_take(&c->budget, 4))
        return false;
    if (++c->depth > ANSWER_DEPTH_MAX) {
        c->budget.limit = LIMIT_DEPTH;
        return false;
    }
    gold = form_reduce(c, (struct node *)gold);
    x = form_reduce(c, (struct node *)x);
    for (const struct answer_kind *k = next_kind(-1); k && m == MATCH_PASS;
         k = next_kind(k->rank)) {
        m = k->compare(c, gold, x);
        why = m == MATCH_EQUAL ? k->equal : m == MATCH_DIFFER ? k->differ : why;
    }
    if (--c->depth == 0)
        c->why = why;
    return m == MATCH_EQUAL && c->budget.limit == LIMIT_NONE;
}
