/* mem.h - allocation that cannot fail, and the arena.
 *
 * Three lifetimes and no fourth: program objects (open/close, from the heap),
 * a record's data (an arena that is reset before the next record), a step's
 * tensors (one pool, sized once, see compute/).  Out of memory ends the
 * program with ERR_SYSTEM, so that no caller carries that branch; sizes that
 * come from a file are bounded by the caller before they get here. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *xmalloc(size_t n);                  /* n = 0 gives a unique pointer */
void *xcalloc(size_t count, size_t size); /* zeroed; the product is checked */
void *xrealloc(void *p, size_t count, size_t size);
char *xstrdup(const char *s);

/* *out = a * b; false if that overflows. */
bool size_mul(size_t a, size_t b, size_t *out);

/* An arena: allocations that die together.  {0} is an empty arena. */
struct arena {
    struct arena_block *first, *current;
    size_t used; /* bytes taken from *current */
};

void *arena_alloc(struct arena *a, size_t n);                  /* aligned to 16, not cleared */
void *arena_array(struct arena *a, size_t count, size_t size); /* the product is checked */
char *arena_strdup(struct arena *a, const char *p, size_t n);  /* adds a NUL */
void arena_reset(struct arena *a); /* everything is gone, memory kept for reuse */
void arena_free(struct arena *a);  /* memory returned */

#endif
