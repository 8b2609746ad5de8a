/* test_base.c - numbers, JSON, strings, arena, pool. */
#include "../tap.h"
#include "base/json.h"
#include "base/num.h"
#include "base/pool.h"

#include <stdint.h>
#include <stdlib.h>

static void floats_print_shortest(void)
{
    char t[NUM_MAX];
    num_print_float(t, 0.1f);
    CHECK_STR(t, "0.1");
    num_print_float(t, -1.17549435e-38f);
    CHECK_STR(t, "-1.1754944e-38");
    num_print_float(t, 1e-45f);
    CHECK_STR(t, "1e-45");
    num_print_double(t, 0.1);
    CHECK_STR(t, "0.1");
    num_print_double(t, 1.0 / 3);
    CHECK_STR(t, "0.3333333333333333");
    uint32_t u = 1;
    for (int i = 0; i < 100000; i++) {
        u = u * 1664525u + 1013904223u;
        float f, g;
        memcpy(&f, &u, 4);
        if (!isfinite(f))
            continue;
        size_t n = num_print_float(t, f);
        CHECK(json_float((struct str){t, n}, &g) && memcmp(&f, &g, 4) == 0);
        CHECK(json_float((struct str){t, n}, &g) && g == strtof(t, NULL));
    }
}

static void sizes_parse(void)
{
    uint64_t v;
    CHECK(num_parse_size(STR("1.5G"), &v) && v == 3ull << 29);
    CHECK(num_parse_size(STR("64KiB"), &v) && v == 65536);
    CHECK(!num_parse_size(STR("-1"), &v) && !num_parse_size(STR("1X"), &v) &&
          !num_parse_size(STR(""), &v));
    CHECK(!num_parse_u64(STR("18446744073709551616"), &v) &&
          num_parse_u64(STR("18446744073709551615"), &v));
    double d;
    CHECK(!num_parse_double(STR("inf"), &d) && !num_parse_double(STR("0x1"), &d) &&
          !num_parse_double(STR("1e999"), &d));
}

static bool valid(const char *text)
{
    struct err e = ERR_NONE;
    return json_check(str_of(text), NULL, &e);
}

static void json_accepts_and_refuses(void)
{
    static const char *const good[] = {"{}",
                                       "[]",
                                       " [1,-0.5e+3,\"\\u00e9\\n\",null,true] ",
                                       "{\"a\":{\"a\":1},\"b\":[]}",
                                       "\"\\ud83d\"",
                                       "\"0123456789abcdef\\\"x\"",
                                       "0"};
    static const char *const bad[] = {
        "",        "{",      "[1,]",      "{\"a\":1,}",   "{\"a\":1,\"\\u0061\":2}",
        "01",      "1.",     ".5",        "+1",           "nul",
        "\"\\x\"", "\"\t\"", "\"\xff\"",  "\"\xc0\x80\"", "\"\xed\xa0\x80\"",
        "[1] 2",   "NaN",    "{\"a\" 1}", "{a:1}",        "\"abc",
        "[1 2]",   "-",      "1e",        "\"\\u12g4\""};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!valid(good[i]))
            CHECK_STR(good[i], "(valid)");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (valid(bad[i]))
            CHECK_STR(bad[i], "(refused)");
    char deep[300];
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    deep[128] = 0;
    CHECK(valid(deep));
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    deep[130] = 0;
    CHECK(!valid(deep));
}

static void json_finds_double_keys_in_large_objects(void)
{
    struct buf b = {0};
    buf_puts(&b, "{\"k7\":0");
    for (int i = 0; i < 500; i++)
        buf_printf(&b, ",\"key%d\":%d", i, i);
    size_t n = b.n;
    buf_puts(&b, "}");
    CHECK(valid(buf_cstr(&b)));
    b.n = n;
    buf_puts(&b, ",\"key499\":1}");
    CHECK(!valid(buf_cstr(&b)));
    buf_free(&b);
}

static void json_walks(void)
{
    struct err e = ERR_NONE;
    struct str v, m, key;
    CHECK(json_check(
        STR(" { \"a\" : [1, {\"]\":\"}\"} , \"x\\\"\"] ,\"b\\u0062\":1e400, \"c\":-12 }"), &v, &e));
    CHECK(json_get(v, "a", &m) && json_count(m) == 3 &&
          str_is(m, "[1, {\"]\":\"}\"} , \"x\\\"\"]"));
    CHECK(json_get(v, "bb", &m) && str_is(m, "1e400"));
    double d;
    CHECK(!json_double(m, &d));
    int64_t i;
    CHECK(json_get(v, "c", &m) && json_i64(m, &i) && i == -12);
    CHECK(!json_get(v, "d", &m));
    struct json_iter it = json_iter(v);
    CHECK(json_next(&it, &key, &m) && str_is(key, "a"));
    struct arena a = {0};
    CHECK(json_check(STR("\"a\\ud83d\\ude00\\u0000\\ud83dz\""), &v, &e));
    struct str s = json_decode(&a, v);
    CHECK_INT(s.n, 1 + 4 + 1 + 3 + 1);
    CHECK(memcmp(s.p, "a\xF0\x9F\x98\x80\0\xEF\xBF\xBDz", s.n) == 0);
    struct buf b = {0};
    json_put_string(&b, (struct str){"\0\n\"\\\x7f\xff\xc3\xa9", 8});
    CHECK_STR(buf_cstr(&b), "\"\\u0000\\n\\\"\\\\\\u007f\xEF\xBF\xBD\xc3\xa9\"");
    buf_free(&b);
    arena_free(&a);
}

static void utf8_replaces_maximal_parts(void)
{
    /* Unicode 15, table 3-8 */
    struct str s = STR("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64");
    uint32_t want[] = {0x61,     UTF8_BAD, UTF8_BAD, UTF8_BAD, 0x62,
                       UTF8_BAD, 0x63,     UTF8_BAD, UTF8_BAD, 0x64};
    size_t i = 0, n = 0;
    while (i < s.n) {
        uint32_t u = utf8_next(s, &i);
        CHECK(n < 10 && u == want[n]);
        n++;
    }
    CHECK_INT(n, 10);
}

static void arena_grows_and_resets(void)
{
    struct arena a = {0};
    for (int round = 0; round < 3; round++) {
        char *p[200];
        for (int i = 0; i < 200; i++) {
            p[i] = arena_alloc(&a, (size_t)i * 37);
            CHECK((uintptr_t)p[i] % 16 == 0);
            memset(p[i], i, (size_t)i * 37);
        }
        for (int i = 1; i < 200; i++)
            CHECK(p[i][0] == (char)i && p[i][i * 37 - 1] == (char)i);
        arena_reset(&a);
    }
    arena_free(&a);
}

static void add_one(void *arg, size_t task, size_t worker)
{
    (void)worker;
    ((unsigned char *)arg)[task]++;
}

static void pool_runs_every_task_once(void)
{
    struct err e = ERR_NONE;
    for (size_t threads = 1; threads <= 7; threads += 3) {
        struct pool *p = pool_open(threads, &e);
        CHECK(p && pool_size(p) == threads);
        static unsigned char seen[1000];
        for (unsigned round = 1; round <= 200; round++) {
            pool_run(p, sizeof seen, add_one, seen);
            for (size_t i = 0; i < sizeof seen; i++)
                CHECK(seen[i] == (unsigned char)round);
        }
        memset(seen, 0, sizeof seen);
        pool_close(p);
    }
}

/* What is looked at eight bytes at a time, at every offset. */
static void json_at_every_offset(void)
{
    for (int n = 1; n < 40; n++) {
        struct err e = ERR_NONE;
        struct buf b = {0};
        struct str v, item;
        buf_puts(&b, "[");
        for (int k = 0; k < n; k++)
            buf_putc(&b, (char)('1' + k % 9));
        size_t digits = b.n;
        buf_puts(&b, ",[-0.5e3,[{\"]\":\"}\\\"\"}],null],\"");
        for (int k = 0; k < n; k++)
            buf_puts(&b, k % 3 ? "a" : "\xC3\xA9");
        buf_puts(&b, "[\",true]");
        CHECK(json_check(buf_str(&b), &v, &e) && json_count(v) == 4);
        struct json_iter it = json_iter(v);
        CHECK(json_next(&it, NULL, &item) && item.n == (size_t)n);
        CHECK(json_next(&it, NULL, &item) && json_count(item) == 3 && item.n == 27);
        CHECK(json_next(&it, NULL, &item) && json_type(item) == JSON_STRING);
        CHECK(json_next(&it, NULL, &item) && str_is(item, "true") && !json_next(&it, NULL, &item));
        b.p[digits - 1] = 'x';
        CHECK(!json_check(buf_str(&b), &v, &e) && e.status == ERR_DATA);
        buf_free(&b);
    }
}

int main(void)
{
    static const struct test t[] = {
        {"floats print shortest and read back", floats_print_shortest},
        {"sizes and integers parse", sizes_parse},
        {"json accepts and refuses", json_accepts_and_refuses},
        {"json finds double keys in large objects", json_finds_double_keys_in_large_objects},
        {"json walks and decodes", json_walks},
        {"json at every offset", json_at_every_offset},
        {"utf-8 replaces maximal invalid parts", utf8_replaces_maximal_parts},
        {"arena grows and resets", arena_grows_and_resets},
        {"pool runs every task once", pool_runs_every_task_once},
    };
    return TAP_RUN(t);
}
