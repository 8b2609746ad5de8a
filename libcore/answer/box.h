/* box.h - boxes and formulas in a text, and when neighbours are one answer. */
#ifndef ANSWER_BOX_H
#define ANSWER_BOX_H

#include <stdbool.h>
#include <stddef.h>

#include "answer/limits.h"
#include "base/mem.h"
#include "base/str.h"

struct span {
    size_t begin, end; /* with its command and braces, or its delimiters */
    size_t from, to;   /* what is inside */
};

/* The last spans of a text, in order. */
struct spans {
    struct span item[ANSWER_BOXES_MAX];
    size_t n;
    bool open;            /* an unclosed box stands after the last whole one; */
    struct span unclosed; /* this one */
};

void spans_boxes(struct str text, struct spans *out);
void spans_formulas(struct str text, struct spans *out); /* $..$ $$..$$ \(..\) \[..\] */

/* The last span with those before it that belong to it, in the arena if joined. */
struct str spans_join(struct arena *a, struct str text, const struct spans *s);

#endif
