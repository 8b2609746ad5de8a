/* goldfile.h - golds by id: an index over a stream of records.
 *
 * The records are those of gcpo-record(5) with "gold" and "gold_verdict" (a
 * prompt file that went through gcpo-verify, or what gcpo-gold writes).  They
 * are spooled, uncompressed, to an unlinked temporary file, and only 16 bytes
 * for each id stay in memory.  Two records with the same id are ERR_DATA. */
#ifndef TASK_GOLDFILE_H
#define TASK_GOLDFILE_H

#include "stream/record.h"

struct goldfile;

struct goldfile *goldfile_open(const char *path, struct err *e) MUST_CHECK;
void goldfile_close(struct goldfile *g); /* accepts NULL */

/* The record with this id, parsed into *out from the arena; *found tells whether
 * there is one.  May be called from several threads. */
bool goldfile_find(const struct goldfile *g, struct str id, struct arena *a, struct object *out,
                   bool *found, struct err *e) MUST_CHECK;

#endif
