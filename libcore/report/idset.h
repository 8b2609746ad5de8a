/* idset.h - which ids a stream had, in at most 16 bytes for each of many (while the set grows, 27).
 *
 * Ids are known by their 64-bit hash, as in report/idtable.h. */
#ifndef REPORT_IDSET_H
#define REPORT_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idset {      /* {0} is empty */
    uint64_t *slot; /* 0: free */
    size_t n, cap;
};

bool idset_add(struct idset *s, uint64_t key); /* false: it was there already */
void idset_free(struct idset *s);

#endif
