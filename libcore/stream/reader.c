/* reader.c - see reader.h.
 *
 *     file --read--> in[] --zstd or copy--> text --split--> lines
 *
 * `in` holds raw bytes, `text` what has been decompressed and not yet handed
 * out: text.p[from .. text.n), searched for '\n' up to `scanned`. */
#include "stream/reader.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

enum { IN_SIZE = 1 << 17, TEXT_CHUNK = 1 << 18, ZSTD_FRAME_MAGIC = (int)0xFD2FB528 };

enum format { FORMAT_UNKNOWN, FORMAT_PLAIN, FORMAT_ZSTD };
enum segment { SEGMENT_NONE, SEGMENT_FOREIGN, SEGMENT_MARKED };
enum pending { PENDING_NONE, PENDING_HEAD, PENDING_TAIL, PENDING_FOREIGN, PENDING_EOF };

struct reader {
    char *const *files;
    size_t file; /* index of the next file to open */
    int fd;
    const char *name;
    enum format format;
    bool in_frame, eof, any_segment, is_cut;
    enum segment segment;
    enum pending pending; /* what was met behind the text that is still to hand out */
    unsigned char in[IN_SIZE];
    size_t in_from, in_to;
    struct buf text;
    size_t from, scanned;
    struct buf mark;
    ZSTD_DCtx *zstd;
    size_t line, records;
    XXH3_state_t *sum;
};

static char *const standard_input[] = {(char[]){"-"}, NULL};

static bool bad(struct reader *r, struct err *e, const char *what)
{
    return err_set(e, ERR_DATA, "%s:%zu: %s", r->name, r->line, what);
}

static bool cut(struct reader *r, struct err *e, const char *what)
{
    r->is_cut = true;
    return bad(r, e, what);
}

/* ---- files ---- */

static bool open_file(struct reader *r, struct err *e)
{
    const char *path = r->files[r->file++];
    bool is_stdin = strcmp(path, "-") == 0;
    r->name = is_stdin ? "standard input" : path;
    r->format = FORMAT_UNKNOWN;
    r->in_frame = r->eof = r->any_segment = false;
    r->in_from = r->in_to = r->line = 0;
    r->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0)
        return err_sys(e, ERR_NOINPUT, "%s: cannot open", path);
    if (is_stdin && isatty(r->fd))
        return err_set(e, ERR_USAGE, "standard input is a terminal (give a file or a pipe)");
    struct stat st;
    if (fstat(r->fd, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(e, ERR_NOINPUT, "%s: is a directory", r->name);
    return true;
}

static void close_file(struct reader *r)
{
    if (r->fd > STDIN_FILENO)
        close(r->fd);
    r->fd = -1;
}

/* Reads until `want` bytes are in the buffer or the file ends; false on error. */
static bool fill_in(struct reader *r, size_t want, struct err *e)
{
    if (r->in_to - r->in_from >= want)
        return true;
    memmove(r->in, r->in + r->in_from, r->in_to - r->in_from);
    r->in_to -= r->in_from;
    r->in_from = 0;
    while (r->in_to < want && !r->eof) {
        ssize_t n = read(r->fd, r->in + r->in_to, IN_SIZE - r->in_to);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            poll(&(struct pollfd){.fd = r->fd, .events = POLLIN}, 1, -1);
            continue;
        }
        if (n < 0)
            return err_sys(e, ERR_IO, "%s: cannot read", r->name);
        r->eof = n == 0;
        r->in_to += (size_t)n;
    }
    return true;
}

static uint32_t le32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ---- frames and marks ---- */

static bool is_skippable(uint32_t magic)
{
    return (magic & 0xFFFFFFF0u) == 0x184D2A50u;
}

/* Reads a skippable frame; if it is one of ours its payload is in r->mark. */
static bool take_skippable(struct reader *r, struct err *e)
{
    if (!fill_in(r, 8, e))
        return false;
    if (r->in_to - r->in_from < 8)
        return cut(r, e, "the stream is truncated inside a mark");
    uint32_t magic = le32(r->in + r->in_from), size = le32(r->in + r->in_from + 4);
    r->in_from += 8;
    buf_reset(&r->mark);
    for (uint32_t left = size; left;) {
        if (!fill_in(r, 1, e))
            return false;
        size_t n = r->in_to - r->in_from;
        if (n == 0)
            return cut(r, e, "the stream is truncated inside a mark");
        if (n > left)
            n = left;
        if (r->mark.n + n <= STREAM_MARK_MAX)
            buf_put(&r->mark, r->in + r->in_from, n);
        r->in_from += n;
        left -= (uint32_t)n;
    }
    struct str payload = buf_str(&r->mark);
    bool head = str_starts(payload, STR(STREAM_HEAD_TAG));
    bool tail = str_starts(payload, STR(STREAM_TAIL_TAG));
    if (magic == STREAM_MARK_MAGIC && (head || tail)) {
        if (size > STREAM_MARK_MAX)
            return bad(r, e, "a mark is too large (head-mark)");
        r->pending = head ? PENDING_HEAD : PENDING_TAIL;
    }
    return true;
}

static bool take_zstd(struct reader *r, struct err *e)
{
    if (!fill_in(r, 1, e))
        return false;
    if (r->in_to == r->in_from)
        return cut(r, e, "the stream is truncated inside a zstd frame");
    buf_reserve(&r->text, TEXT_CHUNK);
    ZSTD_inBuffer in = {r->in + r->in_from, r->in_to - r->in_from, 0};
    ZSTD_outBuffer out = {r->text.p + r->text.n, r->text.cap - r->text.n, 0};
    size_t left = ZSTD_decompressStream(r->zstd, &out, &in);
    if (ZSTD_isError(left))
        return err_set(e, ERR_DATA, "%s:%zu: bad zstd data: %s", r->name, r->line,
                       ZSTD_getErrorName(left));
    r->in_from += in.pos;
    r->text.n += out.pos;
    r->in_frame = left != 0;
    return true;
}

static bool take_plain(struct reader *r, struct err *e)
{
    if (!fill_in(r, 1, e))
        return false;
    buf_put(&r->text, r->in + r->in_from, r->in_to - r->in_from);
    if (r->in_from == r->in_to)
        r->pending = PENDING_EOF;
    r->in_from = r->in_to = 0;
    return true;
}

/* At a place where a frame may begin, or the file may end. */
static bool take_boundary(struct reader *r, struct err *e)
{
    if (!fill_in(r, 4, e))
        return false;
    size_t n = r->in_to - r->in_from;
    if (n == 0 && r->format == FORMAT_UNKNOWN)
        return err_set(e, ERR_DATA, "%s: zero bytes of input (did the program before it fail?)",
                       r->name);
    /* No JSON begins with the first byte of a magic, so a file this short is a cut one. */
    if (n > 0 && n < 4 && (r->in[r->in_from] == 0x28 || r->in[r->in_from] >> 4 == 5))
        return cut(r, e, "the stream is truncated inside a magic number");
    uint32_t magic = n >= 4 ? le32(r->in + r->in_from) : 0;
    if (n == 0) {
        /* A file of nothing but foreign marks is a whole stream of zero records. */
        r->pending = r->any_segment ? PENDING_EOF : PENDING_FOREIGN;
    } else if (is_skippable(magic)) {
        r->format = FORMAT_ZSTD;
        return take_skippable(r, e);
    } else if (magic == (uint32_t)ZSTD_FRAME_MAGIC || r->format == FORMAT_UNKNOWN) {
        r->format = magic == (uint32_t)ZSTD_FRAME_MAGIC ? FORMAT_ZSTD : FORMAT_PLAIN;
        if (r->segment == SEGMENT_NONE)
            r->pending = PENDING_FOREIGN;
        r->in_frame = r->format == FORMAT_ZSTD;
    } else {
        return bad(r, e, "what follows is neither a zstd frame nor the end of the file");
    }
    return true;
}

static bool too_long(struct reader *r, size_t line, struct err *e)
{
    return err_set(e, ERR_DATA, "%s:%zu: the line is longer than %d bytes (line-length)", r->name,
                   line, STREAM_LINE_MAX);
}

static bool take_more(struct reader *r, struct err *e)
{
    if (r->from) {
        memmove(r->text.p, r->text.p + r->from, r->text.n - r->from);
        r->text.n -= r->from;
        r->scanned -= r->from;
        r->from = 0;
    }
    if (r->text.n > STREAM_LINE_MAX)
        return too_long(r, r->line + 1, e);
    if (r->in_frame)
        return take_zstd(r, e);
    if (r->format == FORMAT_PLAIN)
        return take_plain(r, e);
    return take_boundary(r, e);
}

/* ---- segments ---- */

static void begin_segment(struct reader *r, enum segment kind)
{
    r->segment = kind;
    r->any_segment = true;
    r->records = 0;
    XXH3_64bits_reset(r->sum);
}

static bool check_tail(struct reader *r, struct err *e)
{
    struct str json, v;
    int64_t records;
    char hex[17];
    struct str payload = str_slice(buf_str(&r->mark), 8, r->mark.n);
    static const char digits[] = "0123456789abcdef";
    uint64_t h = XXH3_64bits_digest(r->sum);
    for (int i = 15; i >= 0; i--, h >>= 4)
        hex[i] = digits[h & 15];
    hex[16] = 0;
    struct err inner = ERR_NONE;
    if (!json_check(payload, &json, &inner) || !json_get(json, "records", &v) ||
        !json_i64(v, &records))
        return bad(r, e, "the end mark cannot be read");
    if (records < 0 || (uint64_t)records != r->records)
        return err_set(e, ERR_DATA,
                       "%s:%zu: the segment has %zu records (expected %lld by its end mark)",
                       r->name, r->line, r->records, (long long)records);
    if (!json_get(json, "xxh3", &v) || v.n != 18 || memcmp(v.p + 1, hex, 16) != 0)
        return bad(r, e, "the segment's checksum differs from its end mark");
    return true;
}

/* The text before a mark or the end of the file has been handed out. */
static enum stream_event take_pending(struct reader *r, struct str *text, struct err *e)
{
    enum pending p = r->pending;
    if (r->segment == SEGMENT_MARKED && p != PENDING_TAIL) {
        cut(r, e, "the stream is truncated: its end mark is missing");
        return STREAM_END;
    }
    if (p == PENDING_TAIL) {
        r->pending = PENDING_NONE;
        if (r->segment != SEGMENT_MARKED) {
            bad(r, e, "an end mark without a head mark");
            return STREAM_END;
        }
        r->segment = SEGMENT_NONE;
        return check_tail(r, e) ? STREAM_SEGMENT_END : STREAM_END;
    }
    if (r->segment == SEGMENT_FOREIGN) { /* stays pending: the segment ends first */
        r->segment = SEGMENT_NONE;
        return STREAM_SEGMENT_END;
    }
    r->pending = PENDING_NONE;
    if (p == PENDING_EOF) {
        close_file(r);
        return STREAM_END;
    }
    begin_segment(r, p == PENDING_HEAD ? SEGMENT_MARKED : SEGMENT_FOREIGN);
    *text = (struct str){"", 0};
    if (p == PENDING_HEAD) {
        struct str payload = str_slice(buf_str(&r->mark), 8, r->mark.n);
        struct err inner = ERR_NONE;
        if (!json_check(payload, text, &inner)) {
            err_set(e, ERR_DATA, "%s: the head mark cannot be read: %s", r->name, inner.text);
            return STREAM_END;
        }
    }
    return STREAM_SEGMENT;
}

static bool take_line(struct reader *r, struct str *text)
{
    if (r->pending == PENDING_FOREIGN)
        return false;
    char *nl = r->scanned < r->text.n ? memchr(r->text.p + r->scanned, '\n', r->text.n - r->scanned)
                                      : NULL;
    size_t end;
    if (nl) {
        end = (size_t)(nl - r->text.p);
        r->scanned = end + 1;
    } else if (r->pending && r->from < r->text.n) { /* a last line without '\n' */
        end = r->scanned = r->text.n;
    } else {
        r->scanned = r->text.n;
        return false;
    }
    *text = (struct str){r->text.p + r->from, end - r->from};
    if (r->segment == SEGMENT_MARKED)
        XXH3_64bits_update(r->sum, r->text.p + r->from, r->scanned - r->from);
    r->from = r->scanned;
    r->line++;
    r->records++;
    return true;
}

enum stream_event reader_next(struct reader *r, struct str *text, struct err *e)
{
    *text = (struct str){"", 0};
    for (;;) {
        if (r->fd < 0) {
            if (!r->files[r->file] || !open_file(r, e))
                return STREAM_END;
        }
        if (r->segment != SEGMENT_NONE && take_line(r, text)) {
            if (text->n <= STREAM_LINE_MAX)
                return STREAM_LINE;
            too_long(r, r->line, e);
            return STREAM_END;
        }
        if (r->pending) {
            enum stream_event event = take_pending(r, text, e);
            if (event != STREAM_END || e->status)
                return event;
            continue; /* a file has ended */
        }
        if (!take_more(r, e))
            return STREAM_END;
    }
}

struct reader *reader_open(char *const *files, struct err *e)
{
    struct reader *r = xcalloc(1, sizeof *r);
    r->files = files && files[0] ? files : standard_input;
    r->fd = -1;
    r->zstd = ZSTD_createDCtx();
    r->sum = XXH3_createState();
    if (!r->zstd || !r->sum)
        err_set(e, ERR_SYSTEM, "out of memory");
    else if (open_file(r, e))
        take_more(r, e);
    if (e->status) {
        reader_close(r);
        return NULL;
    }
    return r;
}

const char *reader_file(const struct reader *r)
{
    return r->name;
}

size_t reader_line(const struct reader *r)
{
    return r->line;
}

bool reader_is_cut(const struct reader *r)
{
    return r->is_cut;
}

size_t reader_rest(const struct reader *r)
{
    return r->text.n - r->from;
}

void reader_close(struct reader *r)
{
    if (!r)
        return;
    close_file(r);
    ZSTD_freeDCtx(r->zstd);
    XXH3_freeState(r->sum);
    buf_free(&r->text);
    buf_free(&r->mark);
    free(r);
}
