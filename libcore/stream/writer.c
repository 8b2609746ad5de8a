/* writer.c - see writer.h. */
#include "stream/writer.h"
#include "base/aside.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "stream/reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>
#include <zstd.h>

enum {
    LEVEL = 1,
    PLAIN_BUFFER = 1 << 16,
    CHUNK = 1 << 18,       /* text that is compressed at a time: it stays in the cache */
    CHUNK_ASIDE = 1 << 20, /* with a thread: a batch of filter.c, so that neither waits */
};

/* A piece of text on its way into the stream; touched by one thread at a time. */
struct chunk {
    ZSTD_CCtx *zstd;
    struct buf text, packed;
    ZSTD_EndDirective how; /* behind the text */
    size_t error;          /* zstd's; 0: none */
};

/*     lines -> text --CHUNK or end of frame--> chunk --zstd, perhaps aside--> packed -> file */
struct writer {
    struct outfile *out;
    struct buf text;     /* gathered; of plain output, not yet written */
    ZSTD_CCtx *zstd;     /* NULL: plain */
    struct aside *aside; /* NULL: the caller compresses */
    struct chunk chunk;
    bool line_buffered, marked, in_frame;
    size_t frame_bytes, records;
    XXH3_state_t *sum;
};

static bool flush(struct writer *w, struct buf *b, struct err *e)
{
    bool ok = outfile_write(w->out, b->p, b->n, e);
    buf_reset(b);
    return ok;
}

/* One directive, until zstd has done what it says. */
static bool press(struct chunk *c, ZSTD_inBuffer *in, ZSTD_EndDirective how)
{
    for (;;) {
        buf_reserve(&c->packed, ZSTD_CStreamOutSize());
        ZSTD_outBuffer out = {c->packed.p + c->packed.n, c->packed.cap - c->packed.n, 0};
        size_t left = ZSTD_compressStream2(c->zstd, &out, in, how);
        c->packed.n += out.pos;
        if (ZSTD_isError(left)) {
            c->error = left;
            return false;
        }
        if (how == ZSTD_e_continue ? in->pos == in->size : left == 0)
            return true;
    }
}

/* The text first and its end apart: a frame that comes with its end at once would be another one,
 * and the bytes must not depend on where the pieces end. */
static void compress(void *arg)
{
    struct chunk *c = arg;
    ZSTD_inBuffer in = {c->text.p, c->text.n, 0};
    if (press(c, &in, ZSTD_e_continue) && c->how != ZSTD_e_continue)
        press(c, &in, c->how);
}

/* Writes what has been compressed. */
static bool collect(struct writer *w, struct err *e)
{
    struct chunk *c = &w->chunk;
    aside_wait(w->aside);
    if (c->error)
        return err_set(e, ERR_SYSTEM, "%s: zstd: %s", outfile_name(w->out),
                       ZSTD_getErrorName(c->error));
    return c->packed.n == 0 || flush(w, &c->packed, e);
}

/* Hands the gathered text over to be compressed. */
static bool hand_over(struct writer *w, ZSTD_EndDirective how, struct err *e)
{
    if (!collect(w, e))
        return false;
    struct chunk *c = &w->chunk;
    struct buf empty = c->text;
    c->text = w->text;
    c->how = how;
    w->text = empty;
    buf_reset(&w->text);
    aside_start(w->aside, compress, c);
    return true;
}

/* Between frames, when no text is gathered. */
static void put_mark(struct writer *w, const char *tag, struct str json)
{
    uint32_t n = (uint32_t)(8 + json.n), magic = STREAM_MARK_MAGIC;
    unsigned char head[8];
    for (int i = 0; i < 4; i++) {
        head[i] = (unsigned char)(magic >> 8 * i);
        head[4 + i] = (unsigned char)(n >> 8 * i);
    }
    buf_put(&w->text, head, 8);
    buf_put(&w->text, tag, 8);
    buf_putstr(&w->text, json);
}

static struct outfile *writer_free(struct writer *w)
{
    struct outfile *out = w->out;
    aside_close(w->aside);
    ZSTD_freeCCtx(w->zstd);
    XXH3_freeState(w->sum);
    buf_free(&w->text);
    buf_free(&w->chunk.text);
    buf_free(&w->chunk.packed);
    free(w);
    return out;
}

/* If there is no memory for it, out stays the caller's. */
static struct writer *writer_new(struct outfile *out, const struct writer_options *o, bool plain,
                                 struct err *e)
{
    struct writer *w = xcalloc(1, sizeof *w);
    w->out = out;
    w->line_buffered = o->line_buffered;
    w->sum = XXH3_createState();
    if (w->sum)
        XXH3_64bits_reset(w->sum);
    if (!plain) {
        w->zstd = ZSTD_createCCtx();
        if (w->zstd) {
            ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL);
            ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
        }
        w->chunk.zstd = w->zstd;
        w->aside = o->aside && !o->line_buffered ? aside_open() : NULL;
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
    struct writer *w = writer_new(out, o, o->plain || outfile_is_terminal(out), e);
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
        return flush(w, &w->text, e);
    }
    return true;
}

bool writer_line(struct writer *w, struct str line, struct err *e)
{
    w->records++;
    buf_putstr(&w->text, line);
    buf_putc(&w->text, '\n');
    if (!w->zstd)
        return w->line_buffered || w->text.n >= PLAIN_BUFFER ? flush(w, &w->text, e) : true;
    if (w->marked)
        XXH3_64bits_update(w->sum, w->text.p + w->text.n - line.n - 1, line.n + 1);
    w->in_frame = true;
    w->frame_bytes += line.n + 1;
    if (w->frame_bytes >= WRITER_FRAME) {
        w->in_frame = false;
        w->frame_bytes = 0;
        return hand_over(w, ZSTD_e_end, e);
    }
    if (w->line_buffered)
        return hand_over(w, ZSTD_e_flush, e) && collect(w, e);
    return w->text.n < (w->aside ? CHUNK_ASIDE : CHUNK) || hand_over(w, ZSTD_e_continue, e);
}

bool writer_frame(struct writer *w, struct err *e)
{
    if (!w->zstd)
        return flush(w, &w->text, e);
    bool ok = !w->in_frame || hand_over(w, ZSTD_e_end, e);
    w->in_frame = false;
    w->frame_bytes = 0;
    return ok && collect(w, e);
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
    return flush(w, &w->text, e);
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
    struct writer *w = writer_new(out, o, false, e);
    if (!w) {
        outfile_suspend(out);
        return NULL;
    }
    put_mark(w, STREAM_HEAD_TAG, head);
    w->marked = true;
    size_t at = 0;
    bool ok = true;
    if (left >= w->text.n) {
        void *map = mmap(NULL, left, PROT_READ, MAP_PRIVATE, outfile_fd(out), 0);
        ok = map != MAP_FAILED ||
             err_sys(e, ERR_IO, "%s: what an earlier run left cannot be mapped", o->path);
        if (ok && memcmp(map, w->text.p, w->text.n) == 0)
            at = keep_frames(w, map, w->text.n, left, kept, arg);
        if (ok)
            munmap(map, left);
    }
    ok = ok && outfile_truncate(out, at, e);
    if (ok && at == 0)
        ok = flush(w, &w->text, e);
    buf_reset(&w->text);
    *records = w->records;
    if (!ok) {
        writer_suspend(w);
        return NULL;
    }
    return w;
}
