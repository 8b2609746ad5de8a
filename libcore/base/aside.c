/* aside.c - see aside.h. */
#define _GNU_SOURCE
#include "base/aside.h"
#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct aside {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*job)(void *arg); /* NULL: none; under lock, as the next two */
    void *arg;
    bool closing;
};

static void *work(void *arg)
{
    struct aside *a = arg;
    pthread_mutex_lock(&a->lock);
    for (;;) {
        while (!a->job && !a->closing)
            pthread_cond_wait(&a->changed, &a->lock);
        if (!a->job)
            break;
        pthread_mutex_unlock(&a->lock);
        a->job(a->arg);
        pthread_mutex_lock(&a->lock);
        a->job = NULL;
        pthread_cond_broadcast(&a->changed);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

struct aside *aside_open(void)
{
    struct aside *a = xcalloc(1, sizeof *a);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    /* Signals are for the main thread, whose handlers tidy up. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&a->thread, NULL, work, a);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!failed)
        return a;
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
    return NULL;
}

void aside_close(struct aside *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->closing = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

void aside_wait(struct aside *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    while (a->job)
        pthread_cond_wait(&a->changed, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

void aside_start(struct aside *a, void (*job)(void *arg), void *arg)
{
    if (!a) {
        job(arg);
        return;
    }
    aside_wait(a);
    pthread_mutex_lock(&a->lock);
    a->job = job;
    a->arg = arg;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}
