/* pool.h - a fixed set of threads that sleep when there is nothing to do.
 *
 * pool_run() calls fn(arg, task, worker) once for every task in [0, n_tasks),
 * spread over the threads and the caller, and returns when all have ended.
 * Which thread runs which task is not determined, so tasks must write to
 * disjoint memory and never reduce into shared values: results then do not
 * depend on the number of threads.  worker is in [0, pool_size). */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

#include "base/err.h"

struct pool;

enum { POOL_THREADS_MAX = 1024 };

/* n_threads = 0 means one per online CPU; 1 starts no thread at all. */
struct pool *pool_open(size_t n_threads, struct err *e) MUST_CHECK;
void pool_close(struct pool *p);        /* accepts NULL */
size_t pool_size(const struct pool *p); /* NULL counts as 1 */
void pool_run(struct pool *p, size_t n_tasks, void (*fn)(void *arg, size_t task, size_t worker),
              void *arg);

#endif
