/* idset.c - see idset.h; open addressing, from half to three quarters full. */
#include "report/idset.h"
#include "base/mem.h"

#include <stdlib.h>

static uint64_t *probe(const struct idset *s, uint64_t key)
{
    size_t i = key % s->cap;
    while (s->slot[i] && s->slot[i] != key)
        i = i + 1 < s->cap ? i + 1 : 0;
    return &s->slot[i];
}

static void grow(struct idset *s)
{
    struct idset bigger = {.n = s->n, .cap = s->cap ? s->cap + s->cap / 2 : 1024};
    bigger.slot = xcalloc(bigger.cap, sizeof *bigger.slot);
    for (size_t i = 0; i < s->cap; i++)
        if (s->slot[i])
            *probe(&bigger, s->slot[i]) = s->slot[i];
    free(s->slot);
    *s = bigger;
}

bool idset_add(struct idset *s, uint64_t key)
{
    key = key ? key : 1;
    if (4 * (s->n + 1) > 3 * s->cap)
        grow(s);
    uint64_t *slot = probe(s, key);
    if (*slot)
        return false;
    *slot = key;
    s->n++;
    return true;
}

void idset_free(struct idset *s)
{
    free(s->slot);
    *s = (struct idset){0};
}
