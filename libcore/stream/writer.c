/* writer.c - see writer.h. */
#include "stream/writer.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "stream/reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>
#include <zstd.h>

enum { LEVEL = 1, PLAIN_BUFFER = 1 << 16 };

struct writer {
    struct outfile *out;
    ZSTD_CCtx *zstd;    /* NULL: plain */
    struct buf pending; /* plain text, or compressed bytes, not yet written */
    bool line_buffered, marked, in_frame;
    size_t frame_bytes, records;
    XXH3_state_t *sum;
};

static bool flush(struct writer *w, struct err *e)
{
    bool ok = outfile_write(w->out, w->pending.p, w->pending.n, e);
    buf_reset(&w->pending);
    return ok;
}

static bool compress(struct writer *w, struct str text, ZSTD_EndDirective how, struct err *e)
{
    ZSTD_inBuffer in = {text.p, text.n, 0};
    for (;;) {
        buf_reserve(&w->pending, ZSTD_CStreamOutSize());
        ZSTD_outBuffer out = {w->pending.p + w->pending.n, w->pending.cap - w->pending.n, 0};
        size_t left = ZSTD_compressStream2(w->zstd, &out, &in, how);
        if (ZSTD_isError(left))
            return err_set(e, ERR_SYSTEM, "%s: zstd: %s", outfile_name(w->out),
                           ZSTD_getErrorName(left));
        w->pending.n += out.pos;
        if (w->pending.n && !flush(w, e))
            return false;
        if (how == ZSTD_e_continue ? in.pos == in.size : left == 0)
            return true;
    }
}

static void put_mark(struct writer *w, const char *tag, struct str json)
{
    uint32_t n = (uint32_t)(8 + json.n), magic = STREAM_MARK_MAGIC;
    unsigned char head[8];
    for (int i = 0; i < 4; i++) {
        head[i] = (unsigned char)(magic >> 8 * i);
        head[4 + i] = (unsigned char)(n >> 8 * i);
    }
    buf_put(&w->pending, head, 8);
    buf_put(&w->pending, tag, 8);
    buf_putstr(&w->pending, json);
}

static struct outfile *writer_free(struct writer *w)
{
    struct outfile *out = w->out;
    ZSTD_freeCCtx(w->zstd);
    XXH3_freeState(w->sum);
    buf_free(&w->pending);
    free(w);
    return out;
}

/* If there is no memory for it, out stays the caller's. */
static struct writer *writer_new(struct outfile *out, bool plain, bool line_buffered, struct err *e)
{
    struct writer *w = xcalloc(1, sizeof *w);
    w->out = out;
    w->line_buffered = line_buffered;
    w->sum = XXH3_createState();
    if (w->sum)
        XXH3_64bits_reset(w->sum);
    if (!plain) {
        w->zstd = ZSTD_createCCtx();
        if (w->zstd) {
            ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL);
            ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
        }
    }
    if (!w->sum || (!plain && !w->zstd)) {
        err_set(e, ERR_SYSTEM, "out of memory");
        writer_free(w);
        return NULL;
    }
    return w;
}

struct writer *writer_open(const struct writer_options *o, struct err *e)
{
    struct outfile *out = outfile_open(o->path, e);
    if (!out)
        return NULL;
    struct writer *w = writer_new(out, o->plain || outfile_is_terminal(out), o->line_buffered, e);
    if (!w)
        outfile_discard(out);
    return w;
}

bool writer_begin(struct writer *w, struct str head, struct err *e)
{
    w->records = 0;
    XXH3_64bits_reset(w->sum);
    w->marked = w->zstd && head.n;
    if (head.n + 8 > STREAM_MARK_MAX)
        return err_set(e, ERR_DATA, "the head mark would be larger than %d bytes (head-mark)",
                       STREAM_MARK_MAX);
    if (w->marked) {
        put_mark(w, STREAM_HEAD_TAG, head);
        return flush(w, e);
    }
    return true;
}

bool writer_line(struct writer *w, struct str line, struct err *e)
{
    w->records++;
    if (!w->zstd) {
        buf_putstr(&w->pending, line);
        buf_putc(&w->pending, '\n');
        return w->line_buffered || w->pending.n >= PLAIN_BUFFER ? flush(w, e) : true;
    }
    if (w->marked) {
        XXH3_64bits_update(w->sum, line.p, line.n);
        XXH3_64bits_update(w->sum, "\n", 1);
    }
    w->in_frame = true;
    w->frame_bytes += line.n + 1;
    if (!compress(w, line, ZSTD_e_continue, e))
        return false;
    if (w->frame_bytes >= WRITER_FRAME) {
        if (!compress(w, STR("\n"), ZSTD_e_end, e))
            return false;
        w->in_frame = false;
        w->frame_bytes = 0;
        return true;
    }
    return compress(w, STR("\n"), w->line_buffered ? ZSTD_e_flush : ZSTD_e_continue, e);
}

bool writer_frame(struct writer *w, struct err *e)
{
    if (!w->zstd)
        return flush(w, e);
    if (!w->in_frame)
        return true;
    w->in_frame = false;
    w->frame_bytes = 0;
    return compress(w, STR(""), ZSTD_e_end, e);
}

bool writer_end(struct writer *w, struct err *e)
{
    if (!writer_frame(w, e))
        return false;
    if (!w->marked)
        return true;
    struct buf json = {0};
    buf_printf(&json, "{\"records\":%zu,\"xxh3\":\"%016llx\"}", w->records,
               (unsigned long long)XXH3_64bits_digest(w->sum));
    put_mark(w, STREAM_TAIL_TAG, buf_str(&json));
    buf_free(&json);
    return flush(w, e);
}

bool writer_commit(struct writer *w, struct err *e)
{
    bool ok = writer_frame(w, e);
    struct outfile *out = writer_free(w);
    if (ok)
        return outfile_commit(out, e);
    outfile_discard(out);
    return false;
}

void writer_discard(struct writer *w)
{
    if (w)
        outfile_discard(writer_free(w));
}

void writer_suspend(struct writer *w)
{
    struct err ignored = ERR_NONE;
    writer_frame(w, &ignored);
    outfile_suspend(writer_free(w));
}

/* ---- resuming ---- */

/* Decompresses one whole frame into text; false if it is cut off or damaged. */
static bool whole_frame(ZSTD_DCtx *d, const unsigned char *p, size_t n, size_t *taken,
                        struct buf *text)
{
    ZSTD_inBuffer in = {p, n, 0};
    ZSTD_DCtx_reset(d, ZSTD_reset_session_only);
    buf_reset(text);
    for (;;) {
        buf_reserve(text, ZSTD_DStreamOutSize());
        ZSTD_outBuffer out = {text->p + text->n, text->cap - text->n, 0};
        size_t left = ZSTD_decompressStream(d, &out, &in);
        text->n += out.pos;
        if (ZSTD_isError(left) || text->n > (size_t)STREAM_LINE_MAX + WRITER_FRAME)
            return false;
        *taken = in.pos;
        if (left == 0)
            return true;
        if (in.pos == in.size && out.pos < out.size)
            return false;
    }
}

/* Adds the whole frames from `at` on to the checksum; returns where they end.
 * An end mark, if it was already written, is dropped and written again. */
static size_t keep_frames(struct writer *w, const unsigned char *p, size_t at, size_t n,
                          void (*kept)(void *arg, struct str line), void *arg)
{
    static const unsigned char magic[] = {0x28, 0xB5, 0x2F, 0xFD};
    struct buf text = {0};
    ZSTD_DCtx *d = ZSTD_createDCtx();
    size_t taken;
    while (d && n - at >= sizeof magic && memcmp(p + at, magic, sizeof magic) == 0 &&
           whole_frame(d, p + at, n - at, &taken, &text) &&
           (!text.n || text.p[text.n - 1] == '\n')) {
        XXH3_64bits_update(w->sum, text.p, text.n);
        for (size_t i = 0, end; i < text.n; i = end + 1) {
            end = str_find(buf_str(&text), STR("\n"), i);
            w->records++;
            if (kept)
                kept(arg, str_slice(buf_str(&text), i, end));
        }
        at += taken;
    }
    ZSTD_freeDCtx(d);
    buf_free(&text);
    return at;
}

struct writer *writer_resume(const struct writer_options *o, struct str head,
                             void (*kept)(void *arg, struct str line), void *arg, uint64_t *records,
                             struct err *e)
{
    *records = 0;
    uint64_t left;
    struct outfile *out = outfile_resume(o->path, &left, e);
    if (!out)
        return NULL;
    struct writer *w = writer_new(out, false, false, e);
    if (!w) {
        outfile_suspend(out);
        return NULL;
    }
    put_mark(w, STREAM_HEAD_TAG, head);
    w->marked = true;
    size_t at = 0;
    bool ok = true;
    if (left >= w->pending.n) {
        void *map = mmap(NULL, left, PROT_READ, MAP_PRIVATE, outfile_fd(out), 0);
        ok = map != MAP_FAILED ||
             err_sys(e, ERR_IO, "%s: what an earlier run left cannot be mapped", o->path);
        if (ok && memcmp(map, w->pending.p, w->pending.n) == 0)
            at = keep_frames(w, map, w->pending.n, left, kept, arg);
        if (ok)
            munmap(map, left);
    }
    ok = ok && outfile_truncate(out, at, e);
    if (ok && at == 0)
        ok = flush(w, e);
    buf_reset(&w->pending);
    *records = w->records;
    if (!ok) {
        writer_suspend(w);
        return NULL;
    }
    return w;
}
