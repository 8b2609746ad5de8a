/* aside.h - one job at a time on a thread of its own, while the caller goes on. */
#ifndef BASE_ASIDE_H
#define BASE_ASIDE_H

struct aside;

/* NULL: no thread could be started, and the functions below run the job themselves. */
struct aside *aside_open(void);
void aside_close(struct aside *a); /* waits first; accepts NULL */

/* Waits for the job before, if there is one, and begins this one. */
void aside_start(struct aside *a, void (*job)(void *arg), void *arg);

/* Returns when no job is left: what the last one wrote may be read. */
void aside_wait(struct aside *a);

#endif
