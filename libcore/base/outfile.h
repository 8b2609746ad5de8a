/* outfile.h - an output that appears whole or not at all.
 *
 * A regular file F is written as .F.part beside it (locked, so that a second
 * writer is refused by name) and renamed when it is committed, after fsync of
 * the file and of its folder.  A .F.part that a killed program left behind is
 * taken over by the next one.  Standard output, devices and pipes are written
 * directly.  SIGINT, SIGTERM and SIGHUP remove the temporary files of the
 * program and then end it in the usual way. */
#ifndef BASE_OUTFILE_H
#define BASE_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct outfile;

/* path NULL or "-" is standard output.  ERR_CREATE if it cannot be created,
 * is a directory, or is being written by another process. */
struct outfile *outfile_open(const char *path, struct err *e) MUST_CHECK;

/* The same, but what a killed run left in .F.part is kept: *left is its size
 * and outfile_fd() reads it.  The caller truncates it to what it can use.
 * Such a file also survives signals and outfile_suspend(). */
struct outfile *outfile_resume(const char *path, uint64_t *left, struct err *e) MUST_CHECK;
bool outfile_truncate(struct outfile *o, uint64_t size, struct err *e); /* and goes on there */
int outfile_fd(const struct outfile *o);

const char *outfile_name(const struct outfile *o); /* for messages */
bool outfile_is_terminal(const struct outfile *o);
bool outfile_write(struct outfile *o, const void *data, size_t n, struct err *e);
bool outfile_sync(struct outfile *o, struct err *e); /* what was written survives a crash */

/* Each of these closes and frees o.  commit leaves nothing behind when it
 * fails; discard is for cleaning up after an error; suspend keeps .F.part. */
bool outfile_commit(struct outfile *o, struct err *e);
void outfile_discard(struct outfile *o); /* accepts NULL */
void outfile_suspend(struct outfile *o);

/* Opens, writes and commits. */
bool outfile_put(const char *path, const void *data, size_t n, struct err *e) MUST_CHECK;

/* A directory that appears whole: made as .D.part/ beside D, renamed by commit.
 * D must not exist (ERR_CREATE).  The path of the part is for the caller to
 * fill; discard removes it with the regular files in it. */
struct outdir;
struct outdir *outdir_open(const char *path, struct err *e) MUST_CHECK;
const char *outdir_path(const struct outdir *d);     /* ".D.part", borrowed */
bool outdir_commit(struct outdir *d, struct err *e); /* fsyncs the files, renames, frees */
void outdir_discard(struct outdir *d);               /* accepts NULL */

#endif
