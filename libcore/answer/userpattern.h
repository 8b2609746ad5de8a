/* userpattern.h - a regular expression that the user wrote, with bounded work.
 *
 * PCRE2, UTF, '.' matches newlines too.  A match that exceeds the limits of
 * work counts as no match and says so. */
#ifndef ANSWER_USERPATTERN_H
#define ANSWER_USERPATTERN_H

#include "base/err.h"
#include "base/str.h"

enum {
    USERPATTERN_STEPS = 1000000, /* the limit `regex-steps` */
    USERPATTERN_DEPTH = 10000,   /* the limit `regex-depth` */
};

struct userpattern;

/* whole: the pattern must match the text from end to end.  ERR_USAGE if it is no pattern. */
struct userpattern *userpattern_new(struct str source, bool whole, struct err *e) MUST_CHECK;
void userpattern_free(struct userpattern *p); /* accepts NULL */

/* *limited: the work was cut off.  May be called from several threads. */
bool userpattern_matches(const struct userpattern *p, struct str text, bool *limited);

#endif
