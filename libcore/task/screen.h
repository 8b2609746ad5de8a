/* screen.h - text from a model, on a terminal.
 *
 * Lines are wrapped at spaces and indented.  Characters that a terminal would
 * act upon, or that cannot be seen (control characters, formatting, what is not
 * UTF-8), are shown as \x1b or <U+202E>: a response cannot move the cursor, change
 * colours or reorder what is read. */
#ifndef TASK_SCREEN_H
#define TASK_SCREEN_H

#include "base/str.h"

struct screen {
    struct buf *out;
    bool colour;   /* SGR sequences are written */
    size_t width;  /* columns of the terminal; 0: lines are not wrapped */
    size_t indent; /* columns in front of every line */
    size_t lines;  /* at most that many lines of one text; 0: all */
};

/* The text up to byte `end` (from where the span before ends) in a style. */
struct screen_span {
    size_t end;
    const char *sgr; /* "4;31"; NULL: plain */
};

/* Lines of text, each ended by '\n'.  n_spans = 0: plain. */
void screen_put(const struct screen *p, struct str text, const struct screen_span *spans,
                size_t n_spans);

/* One line's worth: without wrapping, indentation and '\n'.  sgr may be NULL. */
void screen_put_inline(const struct screen *p, struct str text, const char *sgr);

#endif
