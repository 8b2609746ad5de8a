/* update_order.c - the seed's order of a step, and rows as the engine wants them. */
#include "task/update_step.h"

#include "base/rng.h"

#include <stdlib.h>

#define WHOLE UINT32_MAX /* a unit that is a whole group */

static size_t count_units(const struct update_options *o, const struct update_step *s)
{
    size_t n = 0;
    for (size_t g = 0; g < s->n; g++)
        n += o->shuffle_sequences ? s->groups[g].n_rows : 1;
    return n;
}

void update_order(const struct update_options *o, const struct update_step *s, uint64_t pass,
                  struct update_order *order)
{
    size_t n = count_units(o, s), k = 0;
    struct update_ref *sorted = xcalloc(n + 1, sizeof *sorted);
    size_t *place = xcalloc(n + 1, sizeof *place);
    for (size_t g = 0; g < s->n; g++) {
        if (!o->shuffle_sequences)
            sorted[k++] = (struct update_ref){(uint32_t)g, WHOLE};
        for (size_t r = 0; o->shuffle_sequences && r < s->groups[g].n_rows; r++)
            sorted[k++] = (struct update_ref){(uint32_t)g, (uint32_t)r};
    }
    rng_permutation(o->seed, rng_mix(str_hash(STR("update")), pass), place, n);
    order->units = xcalloc(n + 1, sizeof *order->units);
    order->n = n;
    for (size_t i = 0; i < n; i++)
        order->units[i] = sorted[place[i]];
    free(sorted);
    free(place);
}

size_t update_order_first(const struct update_options *o, const struct update_order *order,
                          uint64_t minibatch)
{
    return (size_t)(minibatch * order->n / o->minibatches);
}

/* ---- batches ---- */

struct filling {
    const struct update_run *u;
    struct update_batch *b;
    update_pick *pick;
    size_t n_values;
};

/* Adds the picked rows [from, to) of a group. */
static void add_rows(struct filling *f, const struct update_group *g, size_t from, size_t to)
{
    struct update_batch *b = f->b;
    size_t first = b->n_rows;
    for (size_t r = from; r < to; r++) {
        struct update_row *row = &g->rows[r];
        if (row->n == 0 || !f->pick(f->u, row))
            continue;
        b->of[b->n_rows] = row;
        b->rows[b->n_rows++] = (struct engine_row){.tokens = row->tokens, .n = row->n};
        f->n_values += row->n;
    }
    if (b->n_rows == first)
        return;
    b->first[b->n] = first;
    b->groups[b->n++] = (struct engine_group){.prompt = g->prompt,
                                              .n_prompt = g->n_prompt,
                                              .rows = &b->rows[first],
                                              .n_rows = b->n_rows - first};
}

void update_batch_make(const struct update_run *u, const struct update_order *order, size_t from,
                       size_t to, update_pick *pick, int want, struct update_batch *b)
{
    size_t most = 0;
    for (size_t i = from; i < to; i++)
        most += order->units[i].row == WHOLE ? u->step.groups[order->units[i].group].n_rows : 1;
    *b = (struct update_batch){.groups = xcalloc(to - from + 1, sizeof *b->groups),
                               .rows = xcalloc(most + 1, sizeof *b->rows),
                               .of = xcalloc(most + 1, sizeof *b->of),
                               .first = xcalloc(to - from + 1, sizeof *b->first)};
    struct filling f = {.u = u, .b = b, .pick = pick};
    for (size_t i = from; i < to; i++) {
        const struct update_ref *ref = &order->units[i];
        const struct update_group *g = &u->step.groups[ref->group];
        if (ref->row == WHOLE)
            add_rows(&f, g, 0, g->n_rows);
        else
            add_rows(&f, g, ref->row, (size_t)ref->row + 1);
    }
    b->values = xcalloc(2 * f.n_values + 1, sizeof *b->values);
    float *next = b->values;
    for (size_t r = 0; r < b->n_rows; next += 2 * b->rows[r++].n) {
        b->rows[r].logp = want & WANT_LOGP ? next : NULL;
        b->rows[r].entropy = want & WANT_ENTROPY ? next + b->rows[r].n : NULL;
    }
}

void update_batch_free(struct update_batch *b)
{
    free(b->groups);
    free(b->rows);
    free(b->of);
    free(b->first);
    free(b->values);
    *b = (struct update_batch){0};
}
