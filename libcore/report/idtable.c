/* idtable.c - see idtable.h; open addressing, from half to three quarters full. */
#include "report/idtable.h"
#include "base/mem.h"

#include <stdlib.h>

static struct id_entry *probe(const struct idtable *t, uint64_t key)
{
    size_t i = key % t->cap;
    while (t->slot[i].key && t->slot[i].key != key)
        i = i + 1 < t->cap ? i + 1 : 0;
    return &t->slot[i];
}

static uint64_t not_zero(uint64_t key)
{
    return key ? key : 1;
}

static void grow(struct idtable *t)
{
    struct idtable bigger = {.n = t->n, .cap = t->cap ? t->cap + t->cap / 2 : 1024};
    bigger.slot = xcalloc(bigger.cap, sizeof *bigger.slot);
    for (size_t i = 0; i < t->cap; i++)
        if (t->slot[i].key)
            *probe(&bigger, t->slot[i].key) = t->slot[i];
    free(t->slot);
    *t = bigger;
}

struct id_entry *idtable_get(struct idtable *t, uint64_t key)
{
    key = not_zero(key);
    if (4 * (t->n + 1) > 3 * t->cap)
        grow(t);
    struct id_entry *slot = probe(t, key);
    if (!slot->key) {
        slot->key = key;
        t->n++;
    }
    return slot;
}

const struct id_entry *idtable_find(const struct idtable *t, uint64_t key)
{
    const struct id_entry *slot = t->cap ? probe(t, not_zero(key)) : NULL;
    return slot && slot->key ? slot : NULL;
}

void idtable_free(struct idtable *t)
{
    free(t->slot);
    *t = (struct idtable){0};
}
