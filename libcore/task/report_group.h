/* report_group.h - a group as HTML, for the browser of groups in a report. */
#ifndef TASK_REPORT_GROUP_H
#define TASK_REPORT_GROUP_H

#include "stream/record.h"
#include "text/tokenizer.h"

enum {
    REPORT_TEXT_MAX = 4000, /* bytes of one text that are shown */
    REPORT_ROWS_MAX = 64,   /* responses of one group */
};

/* One <details class="group"> element.  With a tokenizer, tokens are shaded by
 * their log-probability.  What is cut says so. */
bool report_group(const struct group *g, const char *run, size_t step, const struct tokenizer *tok,
                  struct buf *out, struct err *e) MUST_CHECK;

#endif
