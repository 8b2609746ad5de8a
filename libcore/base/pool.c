/* pool.c - see pool.h.  Workers spin for a few microseconds after a job, since
 * a training step is made of many short ones, and then sleep on a condition
 * variable: a busy machine is not made busier.
 *
 * A job is over when its tasks are, not when every worker has seen it: where
 * no worker gets to run in time, the caller has done all of it.  So a worker
 * may come late, even in the middle of the next job, and takes tasks by
 * a ticket that carries the job's number: a late one's compare-and-swap fails. */
#define _GNU_SOURCE
#include "base/pool.h"
#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pool {
    size_t size;        /* threads, the caller included */
    pthread_t *threads; /* size - 1 of them */
    pthread_mutex_t lock;
    pthread_cond_t work, all_done;
    void (*fn)(void *, size_t, size_t); /* this and the next two change while it is closed */
    void *arg;
    atomic_size_t n_tasks;
    atomic_uint_least64_t ticket; /* number of the job, and the first task that nobody has taken */
    atomic_size_t done;           /* tasks that have ended */
    atomic_uint job;              /* counts jobs; workers wait for a change */
    size_t sleeping;              /* workers inside cond_wait; under lock */
    bool caller_sleeps;           /* under lock */
    atomic_bool closing;
    atomic_size_t ids;
};

enum { SPINS = 2000 };
#define CLOSED UINT32_MAX

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static uint64_t ticket_of(unsigned job, uint32_t task)
{
    return (uint64_t)job << 32 | task;
}

/* Runs tasks of this job until none is left.  Who takes the last one closes the ticket in the same
 * step.  If the ticket is still the one that was read, the job has not ended, so what was read
 * with it is of this job, and stays until the task is done. */
static void take_tasks(struct pool *p, unsigned job, size_t worker)
{
    uint64_t t = atomic_load_explicit(&p->ticket, memory_order_acquire);
    while (t >> 32 == job && (uint32_t)t != CLOSED) {
        size_t n = atomic_load_explicit(&p->n_tasks, memory_order_relaxed), task = (uint32_t)t;
        uint64_t next = ticket_of(job, task + 1 < n ? (uint32_t)task + 1 : CLOSED);
        if (!atomic_compare_exchange_weak_explicit(&p->ticket, &t, next, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        p->fn(p->arg, task, worker);
        if (atomic_fetch_add_explicit(&p->done, 1, memory_order_acq_rel) + 1 == n && worker != 0) {
            pthread_mutex_lock(&p->lock);
            if (p->caller_sleeps)
                pthread_cond_signal(&p->all_done);
            pthread_mutex_unlock(&p->lock);
        }
        t = atomic_load_explicit(&p->ticket, memory_order_acquire);
    }
}

static void *work(void *arg)
{
    struct pool *p = arg;
    size_t worker = atomic_fetch_add(&p->ids, 1) + 1;
    unsigned seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && atomic_load_explicit(&p->job, memory_order_acquire) == seen;
             i++)
            relax();
        if (atomic_load_explicit(&p->job, memory_order_acquire) == seen) {
            pthread_mutex_lock(&p->lock);
            p->sleeping++;
            while (atomic_load(&p->job) == seen)
                pthread_cond_wait(&p->work, &p->lock);
            p->sleeping--;
            pthread_mutex_unlock(&p->lock);
        }
        seen = atomic_load_explicit(&p->job, memory_order_acquire);
        if (p->closing)
            return NULL;
        take_tasks(p, seen, worker);
    }
}

static void start_job(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add_explicit(&p->job, 1, memory_order_release);
    if (p->sleeping)
        pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
}

struct pool *pool_open(size_t n_threads, struct err *e)
{
    if (n_threads == 0) {
        cpu_set_t set;
        n_threads = sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
    }
    if (n_threads > POOL_THREADS_MAX) {
        err_set(e, ERR_USAGE, "too many threads (seen %zu, at most %d)", n_threads,
                POOL_THREADS_MAX);
        return NULL;
    }
    struct pool *p = xcalloc(1, sizeof *p);
    p->size = 1;
    p->ticket = ticket_of(0, CLOSED);
    p->threads = xcalloc(n_threads, sizeof *p->threads);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->all_done, NULL);
    /* Signals are for the main thread, whose handlers tidy up. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = 0;
    while (p->size < n_threads &&
           !(failed = pthread_create(&p->threads[p->size - 1], NULL, work, p)))
        p->size++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        size_t have = p->size;
        pool_close(p);
        err_set(e, ERR_SYSTEM, "cannot start thread %zu of %zu: %s", have + 1, n_threads,
                strerror(failed));
        return NULL;
    }
    return p;
}

void pool_close(struct pool *p)
{
    if (!p)
        return;
    p->closing = true;
    start_job(p);
    for (size_t i = 0; i + 1 < p->size; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->all_done);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
}

size_t pool_size(const struct pool *p)
{
    return p ? p->size : 1;
}

void pool_run(struct pool *p, size_t n_tasks, void (*fn)(void *, size_t, size_t), void *arg)
{
    if (!p || p->size == 1 || n_tasks <= 1) {
        for (size_t i = 0; i < n_tasks; i++)
            fn(arg, i, 0);
        return;
    }
    ASSERT(n_tasks < CLOSED);
    unsigned job = atomic_load_explicit(&p->job, memory_order_relaxed) + 1;
    p->fn = fn;
    p->arg = arg;
    atomic_store_explicit(&p->n_tasks, n_tasks, memory_order_relaxed);
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    atomic_store_explicit(&p->ticket, ticket_of(job, 0), memory_order_release);
    start_job(p);
    take_tasks(p, job, 0);
    for (int i = 0; i < SPINS && atomic_load_explicit(&p->done, memory_order_acquire) < n_tasks;
         i++)
        relax();
    if (atomic_load_explicit(&p->done, memory_order_acquire) < n_tasks) {
        pthread_mutex_lock(&p->lock);
        p->caller_sleeps = true;
        while (atomic_load(&p->done) < n_tasks)
            pthread_cond_wait(&p->all_done, &p->lock);
        p->caller_sleeps = false;
        pthread_mutex_unlock(&p->lock);
    }
}
