/* test_stream.c - segments, marks, truncation at every byte, resuming, records. */
#include "../tap.h"
#include "base/file.h"
#include "base/mem.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "stream/record.h"
#include "stream/writer.h"

#include <stdlib.h>
#include <unistd.h>

static char dir[64] = "/tmp/test_stream.XXXXXX";
static char path[100], cut[100];

static struct str head(void)
{
    return STR("{\"gcpo\":1,\"programs\":[]}");
}

static void write_lines(int from, int to, bool marked)
{
    struct err e = ERR_NONE;
    struct writer_options o = {.path = path};
    struct writer *w = writer_open(&o, &e);
    CHECK(w && writer_begin(w, marked ? head() : STR(""), &e));
    for (int i = from; i < to; i++) {
        char line[64];
        int n = snprintf(line, sizeof line, "{\"id\":\"%d\"}", i);
        CHECK(writer_line(w, (struct str){line, (size_t)n}, &e));
        if (i % 4 == 3)
            CHECK(writer_frame(w, &e));
    }
    CHECK(writer_end(w, &e) && writer_commit(w, &e));
}

static size_t slurp(const char *name, char *out, size_t cap)
{
    FILE *f = fopen(name, "rb");
    size_t n = f ? fread(out, 1, cap, f) : 0;
    if (f)
        fclose(f);
    return n;
}

static void spill(const char *name, const void *p, size_t n)
{
    FILE *f = fopen(name, "wb");
    CHECK(f && fwrite(p, 1, n, f) == n);
    if (f)
        fclose(f);
}

/* Reads a file: lines, segments; returns the status. */
static int read_all(const char *name, size_t *lines, size_t *segments)
{
    struct err e = ERR_NONE;
    struct str text;
    char *files[] = {(char *)(size_t)name, NULL};
    *lines = *segments = 0;
    struct reader *r = reader_open(files, &e);
    for (enum stream_event v; r && (v = reader_next(r, &text, &e)) != STREAM_END;) {
        *lines += v == STREAM_LINE;
        *segments += v == STREAM_SEGMENT_END;
    }
    reader_close(r);
    return e.status;
}

static void a_stream_reads_back(void)
{
    size_t lines, segments;
    write_lines(0, 1000, true);
    CHECK_INT(read_all(path, &lines, &segments), 0);
    CHECK(lines == 1000 && segments == 1);
    write_lines(0, 0, true);
    CHECK_INT(read_all(path, &lines, &segments), 0);
    CHECK(lines == 0 && segments == 1);
    write_lines(0, 10, false);
    CHECK_INT(read_all(path, &lines, &segments), 0);
    CHECK(lines == 10 && segments == 1);
}

static void truncation_at_every_byte_is_refused(void)
{
    static char data[4096];
    size_t lines, segments;
    write_lines(0, 17, true);
    size_t n = slurp(path, data, sizeof data);
    CHECK(n > 100 && n < sizeof data);
    for (size_t i = 0; i < n; i++) {
        spill(cut, data, i);
        CHECK_INT(read_all(cut, &lines, &segments), ERR_DATA);
    }
    /* A flipped bit, too.  In the first magic it makes plain text of the file,
     * which the record layer refuses as no JSON. */
    for (size_t i = 4; i < n; i++) {
        data[i] ^= 0x10;
        spill(cut, data, n);
        int status = read_all(cut, &lines, &segments);
        CHECK(status == ERR_DATA || lines == 17);
        data[i] ^= 0x10;
    }
}

static void segments_concatenate(void)
{
    static char data[8192];
    size_t lines, segments;
    write_lines(0, 9, true);
    size_t n = slurp(path, data, sizeof data);
    write_lines(9, 12, false);
    n += slurp(path, data + n, sizeof data - n);
    write_lines(12, 20, true);
    n += slurp(path, data + n, sizeof data - n);
    spill(cut, data, n);
    CHECK_INT(read_all(cut, &lines, &segments), 0);
    CHECK(lines == 20 && segments == 3);
}

static void plain_text_reads(void)
{
    size_t lines, segments;
    spill(cut, "{}\n{}", 5);
    CHECK_INT(read_all(cut, &lines, &segments), 0);
    CHECK(lines == 2 && segments == 1);
    spill(cut, "\n\n", 2);
    CHECK_INT(read_all(cut, &lines, &segments), 0);
    CHECK_INT(lines, 2);
    spill(cut, "", 0);
    CHECK_INT(read_all(cut, &lines, &segments), ERR_DATA);
    CHECK_INT(read_all(dir, &lines, &segments), ERR_NOINPUT);
    CHECK_INT(read_all("/nonexistent", &lines, &segments), ERR_NOINPUT);
}

static void a_killed_run_is_resumed(void)
{
    static char want[4096], data[4096], part[150];
    write_lines(0, 40, true);
    size_t n = slurp(path, want, sizeof want);
    snprintf(part, sizeof part, "%s/.s.zst.part", dir);
    for (size_t at = 0; at <= n; at += 3) {
        struct err e = ERR_NONE;
        spill(part, want, at);
        unlink(path);
        uint64_t records;
        struct writer_options o = {.path = path};
        struct writer *w = writer_resume(&o, head(), NULL, NULL, &records, &e);
        CHECK(w && records % 4 == 0 && records <= 40);
        for (int i = (int)records; w && i < 40; i++) {
            char line[64];
            int len = snprintf(line, sizeof line, "{\"id\":\"%d\"}", i);
            CHECK(writer_line(w, (struct str){line, (size_t)len}, &e));
            if (i % 4 == 3)
                CHECK(writer_frame(w, &e));
        }
        CHECK(w && writer_end(w, &e) && writer_commit(w, &e));
        CHECK(slurp(path, data, sizeof data) == n && memcmp(data, want, n) == 0);
        CHECK(access(part, F_OK) != 0);
    }
}

/* Three frames and a piece of one, in pieces that end anywhere. */
static void compression_aside_gives_the_same_bytes(void)
{
    enum { LINES = 3300, WIDTH = 4001 };
    struct buf seen[2] = {{0}, {0}};
    char *line = xmalloc(WIDTH);
    for (int aside = 0; aside < 2; aside++) {
        struct err e = ERR_NONE;
        struct writer_options o = {.path = path, .aside = aside == 1};
        struct writer *w = writer_open(&o, &e);
        uint32_t x = 1;
        CHECK(w && writer_begin(w, head(), &e));
        for (size_t i = 0; i < LINES; i++) {
            for (size_t k = 0; k < WIDTH; k++)
                line[k] = (char)('0' + ((x = x * 1664525 + 1013904223) >> 28) % 10);
            CHECK(writer_line(w, (struct str){line, WIDTH - i % 7}, &e));
        }
        CHECK(writer_end(w, &e) && writer_commit(w, &e));
        CHECK(file_read(path, 64 << 20, &seen[aside], &e));
    }
    CHECK(seen[0].n > 1000 && str_eq(buf_str(&seen[0]), buf_str(&seen[1])));
    free(line);
    buf_free(&seen[0]);
    buf_free(&seen[1]);
}

static void records_keep_what_they_do_not_know(void)
{
    struct arena a = {0};
    struct err e = ERR_NONE;
    struct group g;
    struct buf out = {0};
    struct str line = STR(
        "{\"big\":123456789012345678901234567890,\"e\":1.50e+01,\"\\u0069d\":\"x\",\"responses\":"
        "[{\"text\":\"a\\u0000\",\"reward\":null},{\"x\":[1,{\"y\":2}]}],\"z\":{}}");
    CHECK(group_parse(&g, &a, line, &e));
    group_print(&g, &out);
    CHECK(str_eq(buf_str(&out), line));
    struct str id;
    CHECK(group_id(&g, &id, &e) && str_is(id, "x"));
    object_set(&a, &g.responses[0], F_REWARD, raw_double(&a, 0.1));
    object_set(&a, &g.responses[1], F_VERDICT, raw_string(&a, str_of(verdict_name(VERDICT_WRONG))));
    buf_reset(&out);
    group_print(&g, &out);
    CHECK_STR(
        buf_cstr(&out),
        "{\"big\":123456789012345678901234567890,\"e\":1.50e+01,\"\\u0069d\":\"x\",\"responses\":"
        "[{\"text\":\"a\\u0000\",\"reward\":0.1},{\"x\":[1,{\"y\":2}],\"verdict\":\"wrong\"}],"
        "\"z\":{}}");
    double d;
    CHECK(!need_double(&g.responses[1], "responses[1].", F_REWARD, &d, &e));
    CHECK_STR(e.text, "\"responses[1].reward\" is missing");
    buf_free(&out);
    arena_free(&a);
}

static void heads_grow_by_a_line(void)
{
    struct buf line = {0}, head1 = {0}, head2 = {0};
    struct err e = ERR_NONE;
    provenance_line(&line, "gcpo-a", STR("{\"x\":1}"), STR("\"seed\":7"));
    provenance_head(&head1, STR(""), buf_str(&line));
    provenance_head(&head2, buf_str(&head1), buf_str(&line));
    struct str v;
    CHECK(provenance_check(buf_str(&head2), &e));
    CHECK(json_get(buf_str(&head2), "programs", &v) && json_count(v) == 2);
    CHECK(provenance_find(buf_str(&head2), "gcpo-a", &v) && json_get(v, "seed", &v) &&
          str_is(v, "7"));
    CHECK(!provenance_check(STR("{\"gcpo\":99,\"programs\":[]}"), &e) && e.status == ERR_DATA);
    buf_free(&line);
    buf_free(&head1);
    buf_free(&head2);
}

int main(void)
{
    if (!mkdtemp(dir))
        return 71;
    snprintf(path, sizeof path, "%s/s.zst", dir);
    snprintf(cut, sizeof cut, "%s/cut", dir);
    static const struct test t[] = {
        {"a stream reads back", a_stream_reads_back},
        {"truncation at every byte is refused", truncation_at_every_byte_is_refused},
        {"segments concatenate", segments_concatenate},
        {"plain text reads", plain_text_reads},
        {"a killed run is resumed", a_killed_run_is_resumed},
        {"compression aside gives the same bytes", compression_aside_gives_the_same_bytes},
        {"records keep what they do not know", records_keep_what_they_do_not_know},
        {"heads grow by a line", heads_grow_by_a_line},
    };
    int status = TAP_RUN(t);
    unlink(path);
    unlink(cut);
    rmdir(dir);
    return status;
}
