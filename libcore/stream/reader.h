/* reader.h - lines out of files: zstd or plain, told by the magic.
 *
 * A stream is a sequence of segments.  A marked segment is
 *     head mark, zstd frames of JSONL, end mark
 * where the marks are skippable frames (so zstdcat and zstd -t pass them by):
 *     magic 0x184D2A50, length (4 bytes, little endian), "GCPOHEAD" + JSON
 *     magic 0x184D2A50, length, "GCPOTAIL" + {"records":N,"xxh3":"16 hex digits"}
 * The checksum is XXH3-64 (seed 0) over the uncompressed lines with their '\n'.
 * A head without its end is a truncated stream (ERR_DATA).  JSONL from elsewhere,
 * plain or zstd, has no marks and owes none: what lies between two marked
 * segments, or a whole foreign file, is a segment without a head. */
#ifndef STREAM_READER_H
#define STREAM_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum {
    STREAM_MARK_MAGIC = 0x184D2A50,
    STREAM_MARK_MAX = 1 << 20, /* bytes of a mark's payload: the limit `head-mark` */
    STREAM_LINE_MAX = 1 << 28, /* bytes of one line: the limit `line-length` */
};
#define STREAM_HEAD_TAG "GCPOHEAD"
#define STREAM_TAIL_TAG "GCPOTAIL"

enum stream_event {
    STREAM_END,         /* no more input, or *e is filled */
    STREAM_SEGMENT,     /* a segment begins; text is its head's JSON, n = 0: it has none */
    STREAM_LINE,        /* text is a line without its '\n' */
    STREAM_SEGMENT_END, /* the segment was whole */
};

struct reader;

/* files: NULL-terminated; none at all, or "-", is standard input.  Opens the
 * first one and reads its first bytes.  Zero bytes of input are ERR_DATA (a
 * program upstream died); a terminal as standard input is ERR_USAGE. */
struct reader *reader_open(char *const *files, struct err *e) MUST_CHECK;

/* The next event.  *text is borrowed until the next call. */
enum stream_event reader_next(struct reader *r, struct str *text, struct err *e);

const char *reader_file(const struct reader *r); /* the current file's name, for messages */
size_t reader_line(const struct reader *r);      /* the last line's number in it, from 1 */
void reader_close(struct reader *r);             /* accepts NULL */

/* After an error: did the file merely end too early (so that every line that was
 * handed out is as it was written), and how many bytes of text were left over? */
bool reader_is_cut(const struct reader *r);
size_t reader_rest(const struct reader *r);

#endif
