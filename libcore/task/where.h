/* where.h - which groups are meant: --where 'all-wrong,!gold,level=Level 5'. */
#ifndef TASK_WHERE_H
#define TASK_WHERE_H

#include "base/opt.h"
#include "stream/record.h"

struct where;

/* Conditions: the items of the list, each of them a list with commas.  All must hold.
 *   mixed all-wrong all-right unscorable        the contrast
 *   correct wrong no-answer bad-reference error  some response has that verdict
 *   truncated                                    some response was cut off
 *   gold                                         there is a gold row
 *   unjudged                                     the responses have no verdicts
 *   FIELD=VALUE                                  a member's text (see member.h)
 * and ! in front of one negates it.  ERR_USAGE for anything else. */
struct where *where_parse(const struct opt_list *list, struct err *e) MUST_CHECK;
void where_free(struct where *w); /* accepts NULL */

bool where_holds(const struct where *w, const struct group *g, bool *holds,
                 struct err *e) MUST_CHECK;

#endif
