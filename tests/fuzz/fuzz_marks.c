/* fuzz_marks.c - segments, marks and frames: a file reads the same twice, and what reads as whole
 * reads back after it was written; as the remains of a killed run, any bytes are taken up to a
 * stream that is whole.
 *
 * The first byte: 0 mod 4 - the rest is the file; else the rest is a list of pieces, each a kind,
 * a length and its bytes: head, frame, end mark that is right, any bytes, end mark, foreign mark.
 * With 2 mod 4 the last byte of the file is missing, with 3 mod 4 its second half. */
#include "base/err.h"
#include "base/mem.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

static char dir[64], in[100], out[100], part[100];

static void spill(const char *path, struct str s)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ASSERT(fd >= 0);
    ASSERT(write(fd, s.p, s.n) == (ssize_t)s.n);
    close(fd);
}

static void remove_files(void)
{
    unlink(in);
    unlink(out);
    unlink(part);
    rmdir(dir);
}

static void put_mark(struct buf *b, unsigned magic, const char *tag, const void *p, size_t n)
{
    size_t size = strlen(tag) + n;
    const unsigned char head[8] = {(unsigned char)(0x50 | (magic & 15)),
                                   0x2A,
                                   0x4D,
                                   0x18,
                                   (unsigned char)size,
                                   (unsigned char)(size >> 8),
                                   (unsigned char)(size >> 16),
                                   0};
    buf_put(b, head, sizeof head);
    buf_puts(b, tag);
    buf_put(b, p, n);
}

static void compose(struct buf *b, const uint8_t *p, size_t n)
{
    struct buf text = {0}; /* of the segment, as far as its checksum goes */
    for (size_t i = 0; i + 2 <= n;) {
        unsigned kind = p[i], size = p[i + 1];
        i += 2;
        if (size > n - i)
            size = (unsigned)(n - i);
        const uint8_t *q = p + i;
        i += size;
        char frame[600], tail[80];
        size_t records = 0;
        switch (kind % 6) {
        case 0:
            put_mark(b, 0, STREAM_HEAD_TAG, q, size);
            buf_reset(&text);
            break;
        case 1:
            buf_put(&text, q, size);
            buf_put(b, frame, ZSTD_compress(frame, sizeof frame, q, size, 1));
            break;
        case 2:
            for (size_t k = 0; k < text.n; k++)
                records += text.p[k] == '\n';
            put_mark(b, 0, STREAM_TAIL_TAG, tail,
                     (size_t)snprintf(tail, sizeof tail, "{\"records\":%zu,\"xxh3\":\"%016llx\"}",
                                      records, (unsigned long long)XXH3_64bits(text.p, text.n)));
            break;
        case 3: buf_put(b, q, size); break;
        case 4: put_mark(b, 0, STREAM_TAIL_TAG, q, size); break;
        default: put_mark(b, kind / 6, "", q, size);
        }
    }
    buf_free(&text);
}

/* Reads `path` into a list of events; with a writer also writes it again, with a head for
 * segments that have none. */
static int read_all(const char *path, struct buf *events, struct writer *w)
{
    struct err e = ERR_NONE, bad = ERR_NONE;
    struct str text;
    char *files[] = {(char *)(size_t)path, NULL};
    struct reader *r = reader_open(files, &e);
    ASSERT((r != NULL) == (e.status == 0));
    for (enum stream_event v; r && (v = reader_next(r, &text, &e)) != STREAM_END;) {
        ASSERT(e.status == 0);
        buf_putc(events, (char)v);
        if (v == STREAM_LINE)
            buf_putstr(events, text);
        if (v == STREAM_SEGMENT && text.n)
            ASSERT(provenance_check(text, &bad) == (bad.status == 0));
        bad.status = 0;
        if (w)
            ASSERT(v == STREAM_LINE      ? writer_line(w, text, &bad)
                   : v == STREAM_SEGMENT ? writer_begin(w, text.n ? text : STR("{}"), &bad)
                                         : writer_end(w, &bad));
    }
    if (r && e.status)
        ASSERT(reader_rest(r) <= STREAM_LINE_MAX);
    reader_close(r);
    return e.status;
}

static void check_rewriting(struct str events)
{
    struct err e = ERR_NONE;
    struct buf copied = {0}, again = {0};
    struct writer *w = writer_open(&(struct writer_options){.path = out}, &e);
    ASSERT(w && read_all(in, &copied, w) == 0 && writer_commit(w, &e));
    ASSERT(str_eq(events, buf_str(&copied)));
    ASSERT(read_all(out, &again, NULL) == 0);
    ASSERT(str_eq(events, buf_str(&again)));
    buf_free(&copied);
    buf_free(&again);
}

static void count_line(void *arg, struct str line)
{
    (void)line;
    ++*(uint64_t *)arg;
}

static void check_resuming(struct str file)
{
    static const char head[] = "{\"gcpo\":1,\"programs\":[]}";
    struct err e = ERR_NONE;
    struct buf b = {0}, events = {0};
    uint64_t kept = 0, records = 0, lines = 0;
    put_mark(&b, 0, STREAM_HEAD_TAG, head, sizeof head - 1);
    buf_putstr(&b, file);
    spill(part, buf_str(&b));
    struct writer *w = writer_resume(&(struct writer_options){.path = out}, str_of(head),
                                     count_line, &kept, &records, &e);
    ASSERT(w && kept == records && writer_line(w, STR("{}"), &e) && writer_end(w, &e) &&
           writer_commit(w, &e));
    ASSERT(read_all(out, &events, NULL) == 0);
    for (size_t i = 0; i < events.n; i++)
        lines += events.p[i] == STREAM_LINE;
    ASSERT(lines > records);
    buf_free(&b);
    buf_free(&events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf file = {0}, first = {0}, second = {0};
    if (!in[0]) {
        /* in memory, if it may: outputs are synced */
        strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzz_marks.XXXXXX"
                                                  : "/tmp/fuzz_marks.XXXXXX");
        ASSERT(mkdtemp(dir));
        snprintf(in, sizeof in, "%s/in", dir);
        snprintf(out, sizeof out, "%s/out", dir);
        snprintf(part, sizeof part, "%s/.out.part", dir);
        atexit(remove_files);
    }
    if (!n || n > 8192)
        return 0;
    unsigned how = data[0] % 4;
    if (how)
        compose(&file, data + 1, n - 1);
    else
        buf_put(&file, data + 1, n - 1);
    if (how == 2 && file.n)
        file.n--;
    if (how == 3)
        file.n /= 2;
    spill(in, buf_str(&file));
    int status = read_all(in, &first, NULL);
    ASSERT(status == 0 || status == ERR_DATA);
    ASSERT(read_all(in, &second, NULL) == status && str_eq(buf_str(&first), buf_str(&second)));
    if (status == 0)
        check_rewriting(buf_str(&first));
    check_resuming(buf_str(&file));
    buf_free(&file);
    buf_free(&first);
    buf_free(&second);
    return 0;
}
