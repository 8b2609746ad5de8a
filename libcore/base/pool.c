/* pool.c - see pool.h.  Workers spin for a few microseconds after a job, since
 * a training step is made of many short ones, and then sleep on a condition
 * variable: a busy machine is not made busier. */
#define _GNU_SOURCE
#include "base/pool.h"
#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pool {
    size_t size;        /* threads, the caller included */
    pthread_t *threads; /* size - 1 of them */
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    void (*fn)(void *, size_t, size_t);
    void *arg;
    size_t n_tasks;
    atomic_size_t next; /* the first task that nobody has taken */
    atomic_size_t busy; /* workers that have not finished this job */
    atomic_uint job;    /* counts jobs; workers wait for a change */
    size_t sleeping;    /* workers inside cond_wait; under lock */
    bool caller_sleeps; /* under lock */
    bool closing;
    atomic_size_t ids;
};

enum { SPINS = 2000 };

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void take_tasks(struct pool *p, size_t worker)
{
    size_t task;
    while ((task = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed)) < p->n_tasks)
        p->fn(p->arg, task, worker);
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
        take_tasks(p, worker);
        if (atomic_fetch_sub_explicit(&p->busy, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&p->lock);
            if (p->caller_sleeps)
                pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
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
    p->threads = xcalloc(n_threads, sizeof *p->threads);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
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
    pthread_cond_destroy(&p->done);
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
    p->fn = fn;
    p->arg = arg;
    p->n_tasks = n_tasks;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_store_explicit(&p->busy, p->size - 1, memory_order_relaxed);
    start_job(p);
    take_tasks(p, 0);
    for (int i = 0; i < SPINS && atomic_load_explicit(&p->busy, memory_order_acquire); i++)
        relax();
    if (atomic_load_explicit(&p->busy, memory_order_acquire)) {
        pthread_mutex_lock(&p->lock);
        p->caller_sleeps = true;
        while (atomic_load(&p->busy))
            pthread_cond_wait(&p->done, &p->lock);
        p->caller_sleeps = false;
        pthread_mutex_unlock(&p->lock);
    }
}
