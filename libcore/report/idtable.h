/* idtable.h - a few numbers for each id of a stream, in at most 32 bytes for each of many.
 *
 * Ids are known by their 64-bit hash: among a million of them the chance that
 * two share one is 3e-8. */
#ifndef REPORT_IDTABLE_H
#define REPORT_IDTABLE_H

#include <stddef.h>
#include <stdint.h>

struct id_entry {
    uint64_t key;  /* 0: the slot is free */
    uint32_t n, c; /* scorable responses, correct ones */
};

struct idtable { /* {0} is empty */
    struct id_entry *slot;
    size_t n, cap;
};

/* The entry of a key, made with zeroes if it is new.  Valid until the next call. */
struct id_entry *idtable_get(struct idtable *t, uint64_t key);
const struct id_entry *idtable_find(const struct idtable *t, uint64_t key); /* NULL if absent */
void idtable_free(struct idtable *t);

#endif
