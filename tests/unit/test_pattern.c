/* test_pattern.c - expressions of pre-tokenizers over classes of characters. */
#include "../tap.h"
#include "text/pattern.h"
#include "text/pretoken.h"

#include "base/json.h"

/* All matches, with '|' between them; or the error. */
static const char *matches(struct buf *out, const char *expression, const char *text)
{
    struct err e = ERR_NONE;
    buf_reset(out);
    struct pattern *p = pattern_open(str_of(expression), false, &e);
    if (!p) {
        buf_puts(out, e.text);
        return buf_cstr(out);
    }
    struct matcher *m = matcher_new();
    size_t from, to;
    int more;
    matcher_start(m, p, str_of(text));
    while ((more = matcher_next(m, &from, &to, &e)) > 0)
        buf_printf(out, "%s%.*s", out->n ? "|" : "", (int)(to - from), text + from);
    if (more < 0)
        buf_puts(out, e.text);
    matcher_free(m);
    pattern_close(p);
    return buf_cstr(out);
}

static void matches_sets(void)
{
    struct buf b = {0};
    CHECK_STR(matches(&b, "\\p{L}+", "ab1\xC3\xA9\xE4\xB8\xAD."), "ab|\xC3\xA9\xE4\xB8\xAD");
    CHECK_STR(matches(&b, "\\P{L}", "a1\xC3\xA9\xE2\x80\x99"), "1|\xE2\x80\x99");
    CHECK_STR(matches(&b, "[^\\s\\p{L}]+", "a\xE3\x80\x80\xF0\x9F\x98\x80!b"), "\xF0\x9F\x98\x80!");
    CHECK_STR(matches(&b, "[a-c\xE4\xB8\x80-\xE9\xBE\xA5]+", "abcd\xE4\xB8\xAD\xEF\xBC\xA1"),
              "abc|\xE4\xB8\xAD");
    CHECK_STR(matches(&b, "\\p{^L}\\x{4e2d}\\u4E2D", "1\xE4\xB8\xAD\xE4\xB8\xAD"),
              "1\xE4\xB8\xAD\xE4\xB8\xAD");
    CHECK_STR(matches(&b, "[\\]\\-a]+", "]-a"), "]-a");
    CHECK_STR(matches(&b, "\\w+", "a_1\xC2\xB2-\xC3\xA9\xE2\x81\xB4\xC2\xBD!"),
              "a_1\xC2\xB2|\xC3\xA9|\xC2\xBD"); /* of the superscripts only Latin-1's */
    CHECK_STR(matches(&b, ".+", "a\xC3\xA9\nb\r"), "a\xC3\xA9|b\r");
    buf_free(&b);
}

static void folds_case(void)
{
    struct buf b = {0};
    CHECK_STR(matches(&b, "(?i:'s|k)", "'S '\xC5\xBF 's K \xE2\x84\xAA"),
              "'S|'\xC5\xBF|'s|K|\xE2\x84\xAA");
    CHECK_STR(matches(&b, "(?i)a(?-i:b)c", "ABC abC aBc"), "abC");
    CHECK_STR(matches(&b, "(?:(?i)a)a", "Aa AA aa"), "Aa|aa");
    CHECK_STR(matches(&b, "(?i)[^a]", "aAb"), "b");
    buf_free(&b);
}

static void looks_around_and_repeats(void)
{
    struct buf b = {0};
    CHECK_STR(matches(&b, "\\s+(?!\\S)|\\s+", "a   b "), "  | | ");
    CHECK_STR(matches(&b, "(?<=\\d)x(?=\xC3\xA9)", "1x\xC3\xA9x\xC3\xA9"), "x");
    CHECK_STR(matches(&b, "\\p{N}{1,3}", "1234567"), "123|456|7");
    CHECK_STR(matches(&b, "a{,2}b", "aaab"), "aab");
    CHECK_STR(matches(&b, "a+?|b++b|(c)\\p{L}", "aabbcd"), "a|a|cd");
    CHECK_STR(matches(&b, "x*", "axxb"), "xx|");
    buf_free(&b);
}

static void refuses_the_rest(void)
{
    static const char *const bad[] = {
        "^a",  "a$", "\\bx", "\\p{Han}",     "[a[b]]", "[a&&b]", "(?<n>a)",     "a{1,2}+",
        "a**", "x{", "(a",   "a)",           "[]",     "[z-a]",  "\\1",         "(?#x)",
        "[a",  "\\", "\\pL", "(?i)\xC3\xA9", "(*UTF)", "+",      "\\x{110000}", "[\\d-z]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = ERR_NONE;
        struct pattern *p = pattern_open(str_of(bad[i]), false, &e);
        if (p)
            CHECK_STR(bad[i], "(refused)");
        CHECK(e.status == ERR_DATA);
        pattern_close(p);
    }
}

static void gives_up_in_time(void)
{
    struct err e = ERR_NONE;
    struct buf text = {0};
    for (int i = 0; i < 100000; i++)
        buf_putc(&text, 'a');
    struct pattern *p = pattern_open(STR("(?:a+)+(?:b|c)"), false, &e);
    struct matcher *m = matcher_new();
    size_t from, to;
    matcher_start(m, p, buf_str(&text));
    CHECK(matcher_next(m, &from, &to, &e) < 0);
    CHECK(e.status == ERR_DATA && strstr(e.text, "gives up"));
    matcher_free(m);
    pattern_close(p);
    buf_free(&text);
}

/* ---- what is done with the matches ---- */

static bool put_piece(void *arg, struct str piece, struct err *e)
{
    (void)e;
    buf_printf(arg, "<%.*s>", STR_ARG(piece));
    return true;
}

static const char *pieces(struct buf *out, const char *json, const char *text)
{
    struct err e = ERR_NONE;
    buf_reset(out);
    struct pretoken *p = pretoken_open(str_of(json), &e);
    struct splitter *s = p ? splitter_new(p) : NULL;
    if (!p || !splitter_run(s, str_of(text), put_piece, out, &e))
        buf_puts(out, e.text);
    splitter_free(s);
    pretoken_close(p);
    return buf_cstr(out);
}

static const char *split(struct buf *out, const char *behaviour, const char *invert,
                         const char *text)
{
    struct buf json = {0};
    buf_printf(
        &json,
        "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"String\":\"-"
        "\"},"
        "\"behavior\":\"%s\",\"invert\":%s},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
        "\"use_regex\":false}]}",
        behaviour, invert);
    pieces(out, buf_cstr(&json), text);
    buf_free(&json);
    return buf_cstr(out);
}

static void behaves(void)
{
    struct buf b = {0};
    const char *text = "the-final--countdown"; /* the reference's own example */
    CHECK_STR(split(&b, "Removed", "false", text), "<the><final><countdown>");
    CHECK_STR(split(&b, "Isolated", "false", text), "<the><-><final><-><-><countdown>");
    CHECK_STR(split(&b, "MergedWithPrevious", "false", text), "<the-><final-><-><countdown>");
    CHECK_STR(split(&b, "MergedWithNext", "false", text), "<the><-final><-><-countdown>");
    CHECK_STR(split(&b, "Contiguous", "false", text), "<the><-><final><--><countdown>");
    CHECK_STR(split(&b, "Removed", "true", text), "<-><-><->");
    CHECK_STR(split(&b, "Sideways", "true", text),
              "pre_tokenizer: a Split's behavior is \"Sideways\"");
    buf_free(&b);
}

static void splits_digits_and_bytes(void)
{
    struct buf b = {0};
    CHECK_STR(pieces(&b, "{\"type\":\"ByteLevel\"}", "it's 12 a  b"), "< it><'s>< 12>< a>< >< b>");
    CHECK_STR(
        pieces(
            &b,
            "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":"
            "true},{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}",
            "a 12\xC2\xBD!"),
        "<a>< ><1><2><\xC2\xBD><!>");
    CHECK_STR(pieces(&b,
                     "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"},"
                     "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}",
                     "a12b"),
              "<a><12><b>");
    CHECK_STR(pieces(&b,
                     "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},"
                     "{\"type\":\"Digits\"}]}",
                     ""),
              "pre_tokenizer: a Digits after ByteLevel is not supported");
    buf_free(&b);
}

int main(void)
{
    static const struct test t[] = {
        {"matches sets of characters", matches_sets},
        {"folds case", folds_case},
        {"looks around and repeats", looks_around_and_repeats},
        {"refuses the rest", refuses_the_rest},
        {"gives up in time", gives_up_in_time},
        {"splits behave", behaves},
        {"splits digits and bytes", splits_digits_and_bytes},
    };
    return TAP_RUN(t);
}
