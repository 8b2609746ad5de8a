/* file.h - whole files: read into memory, mapped, written, copied; calls that are
 * interrupted are taken up again. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/str.h"

/* Appends the content of a regular file to *out.  ERR_NOINPUT if it is missing
 * or no regular file, ERR_DATA if it is longer than `max` bytes. */
bool file_read(const char *path, size_t max, struct buf *out, struct err *e) MUST_CHECK;
/* A regular file, links followed.  Also false, and an error, where that cannot be told. */
bool file_exists(const char *path, struct err *e);
/* The next entry of an open folder but "." and ".."; NULL at its end, and on an error. */
const char *folder_next(DIR *d, const char *name, struct err *e);

/* A file mapped for reading; an empty file is {NULL, 0}. */
struct file_map {
    const unsigned char *p;
    size_t n;
};
bool file_map(const char *path, struct file_map *m, struct err *e) MUST_CHECK;
void file_unmap(struct file_map *m);

/* Writing in pieces.  create replaces what was there (-1: error); put writes all of it, to pipes
 * too; close also flushes to the disk, and closes whether or not *e is set already. */
int file_create(const char *path, struct err *e) MUST_CHECK;
bool file_put(int fd, const char *name, const void *data, size_t n, struct err *e);
bool file_close(int fd, const char *path, struct err *e);
bool file_sync(int fd); /* true where there is nothing to flush: pipes, terminals */

/* Creates or replaces `path`, flushed to the disk. */
bool file_write(const char *path, const void *data, size_t n, struct err *e) MUST_CHECK;
bool file_copy(const char *from, const char *to, struct err *e) MUST_CHECK;

/* "dir/name"; the caller frees. */
char *path_join(const char *dir, const char *name);

/* A new file without a name, in $TMPDIR, else /tmp; -1 or NULL: error. */
int file_nameless(struct err *e);
FILE *file_nameless_stream(struct err *e);

#endif
