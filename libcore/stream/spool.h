/* spool.h - inputs that can be read twice.
 *
 * Regular files are read twice where they lie.  What comes through a pipe is
 * copied, as it is, into a temporary file that has no name (in $TMPDIR, else /tmp),
 * so that memory does not grow with it and nothing is left behind. */
#ifndef STREAM_SPOOL_H
#define STREAM_SPOOL_H

#include "base/err.h"

struct spool;

/* files as for reader_open.  A standard input that was copied is replaced by its
 * copy, so that messages still call it standard input.  A file that cannot be
 * opened is left for the reader to report. */
struct spool *spool_open(char *const *files, struct err *e) MUST_CHECK;
char *const *spool_files(const struct spool *s);   /* for reader_open */
bool spool_rewind(struct spool *s, struct err *e); /* before each reading */
void spool_close(struct spool *s);                 /* accepts NULL */

#endif
