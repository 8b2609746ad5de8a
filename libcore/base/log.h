/* log.h - what a program says to people, on standard error.
 *
 * Standard output is data only.  -q leaves errors, the default adds warnings,
 * -v adds the decisions taken.  Progress is one line, redrawn at most five
 * times a second, only when standard error is a terminal and -q was not given. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };

void log_open(const char *program); /* the name in front of every message */
const char *log_program(void);
void log_set_level(enum log_level level);
enum log_level log_level(void);

void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2); /* "PROGRAM: warning: ..." */
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2); /* only with -v */

/* The last line of main: prints the error, if there is one, and returns the exit status. */
int err_report(const struct err *e);

/* Progress towards `total` units (0: unknown).  One at a time in a program. */
void progress_begin(const char *unit, uint64_t total);
void progress_force(bool on); /* --progress, --no-progress */
void progress_add(uint64_t done);
void progress_note(const char *fmt, ...) PRINTF_LIKE(1, 2); /* shown behind the numbers */
void progress_end(void);                                    /* clears the line */

double clock_s(void); /* a monotonic clock, seconds */

#endif
