/* programs.h - a program's line in a head mark, for people.
 *
 *     {"program":"x","version":"1","options":{"a":1,"b":false},"model":"m"}
 *
 * becomes the lines "x 1", "model m" and "--a 1 --no-b", indented. */
#ifndef TASK_PROGRAMS_H
#define TASK_PROGRAMS_H

#include "base/mem.h"
#include "base/str.h"

/* line: a checked value; what is no object is passed over.  width 0: not wrapped. */
void programs_put(struct buf *out, struct arena *a, struct str line, bool colour, size_t width);

#endif
