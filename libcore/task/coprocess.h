/* coprocess.h - the user's own checker: one JSON line in, one JSON line out.
 *
 * The command runs under sh as a child that is kept for many answers.  If it
 * dies, writes no JSON object, or takes longer than the time limit, that answer
 * is an error (not the user's model's fault) and the child is started again for
 * the next one.  One that ends after an answer, or has said more by then, is
 * started again too, so that no answer depends on those before it.  Used by one
 * thread at a time. */
#ifndef TASK_COPROCESS_H
#define TASK_COPROCESS_H

#include "base/json.h"

struct coprocess;

struct coprocess *coprocess_new(const char *command, double limit_s);
void coprocess_free(struct coprocess *c); /* accepts NULL; ends the child */

/* Sends a line (without '\n'), waits for the answer, a checked JSON object in the
 * arena.  False if there is none; *why says so: "exec:died", "exec:timeout", "exec:not-json".
 * Where the operating system refuses - a process, a pipe - that is an error, not a verdict. */
bool coprocess_ask(struct coprocess *c, struct str line, struct arena *a, struct str *answer,
                   const char **why, struct err *e);

#endif
