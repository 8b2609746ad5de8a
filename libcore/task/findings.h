/* findings.h - everything that is wrong with one group, one line each. */
#ifndef TASK_FINDINGS_H
#define TASK_FINDINGS_H

#include "stream/record.h"
#include "text/tokenizer.h"

struct findings {
    struct buf text; /* "FILE:LINE: what is wrong\n" ... */
    size_t n;
};

void findings_add(struct findings *f, const char *file, size_t line, const char *what);

/* Checks types, words, lengths, ranges and what members owe each other.  tok may
 * be NULL; with it, ids must have a token and texts must be what their ids spell. */
void findings_group(struct findings *f, const char *file, size_t line, const struct group *g,
                    const struct tokenizer *tok);

#endif
