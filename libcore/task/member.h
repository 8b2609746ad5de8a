/* member.h - a member of a record by the name that a user gives. */
#ifndef TASK_MEMBER_H
#define TASK_MEMBER_H

#include "stream/record.h"

/* The member of that name; where there is none, a path through objects:
 * "extra.level".  False if there is neither. */
bool member_find(struct arena *a, const struct object *top, const char *name, struct str *value);

/* Its text: strings decoded, everything else as it stands; "(absent)". */
struct str member_text(struct arena *a, const struct object *top, const char *name);

#endif
