/* reading.h - a group laid out for a reader at a terminal. */
#ifndef TASK_READING_H
#define TASK_READING_H

#include "stream/record.h"
#include "text/tokenizer.h"

struct reading {
    bool colour;
    size_t width;                /* of the terminal; 0: lines are not wrapped */
    size_t lines;                /* of a text; 0: all */
    const struct tokenizer *tok; /* marks the least likely tokens in texts; may be NULL */
};

/* The whole group: prompt, responses with their judgement, the gold. */
bool reading_put(const struct reading *r, const struct group *g, struct buf *out,
                 struct err *e) MUST_CHECK;

/* One line: correct of scorable, contrast, mean length, gold's fate, round, id. */
bool reading_put_line(const struct reading *r, const struct group *g, struct buf *out,
                      struct err *e) MUST_CHECK;
extern const char reading_line_heading[];

#endif
