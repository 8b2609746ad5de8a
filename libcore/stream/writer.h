/* writer.h - lines into a stream: zstd with marks, or plain JSONL.
 *
 * zstd: level 1 (log-probs do not compress further), content checksums, one
 * frame per WRITER_FRAME bytes of text (or where writer_frame() says), marks as
 * in reader.h.  The bytes are a function of the lines and heads only.  Plain
 * output has no marks.  Nothing is written before the first call that writes. */
#ifndef STREAM_WRITER_H
#define STREAM_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { WRITER_FRAME = 1 << 22 }; /* bytes of text in a frame */

struct writer;

struct writer_options {
    const char *path;   /* NULL or "-": standard output */
    bool plain;         /* also the default when the output is a terminal */
    bool line_buffered; /* every line leaves at once (plain or flushed zstd) */
    bool aside;         /* compresses on a thread of its own: the same bytes */
};

struct writer *writer_open(const struct writer_options *o, struct err *e) MUST_CHECK;

/* A segment.  head is a JSON object (n = 0: none is written, and no end mark). */
bool writer_begin(struct writer *w, struct str head, struct err *e);
bool writer_line(struct writer *w, struct str line, struct err *e); /* without '\n' */
bool writer_frame(struct writer *w, struct err *e); /* ends the frame: what was written is whole */
bool writer_end(struct writer *w, struct err *e);

/* commit makes the output appear; discard leaves nothing.  Both free w. */
bool writer_commit(struct writer *w, struct err *e);
void writer_discard(struct writer *w); /* accepts NULL */

/* Resuming.  Opens o->path (zstd only) and looks at what a killed run left in
 * .FILE.part: if it begins with the same head, everything up to its last whole
 * frame is kept, *records tells how many lines that is, and the segment is
 * open; else it starts empty with the head written.  Each line that is kept is
 * given to kept(arg, line), if that is not NULL.  suspend() closes and keeps the
 * part for the next run. */
struct writer *writer_resume(const struct writer_options *o, struct str head,
                             void (*kept)(void *arg, struct str line), void *arg, uint64_t *records,
                             struct err *e) MUST_CHECK;
void writer_suspend(struct writer *w);

#endif
