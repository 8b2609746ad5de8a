/* test_tokenizer.c - encoding, spans that are only text, decoding as a stream,
 * merging against a plain scan, and files that must be refused.  The tokenizer is
 * testdata/tokenizer (see make.mjs there): ids 0..255 are bytes, 256.. merges. */
#include "../tap.h"
#include "base/file.h"
#include "base/json.h"
#include "text/tokenizer.h"

#include <stdlib.h>

static struct tokenizer *t;
static struct encoder *x;
static int32_t endoftext, im_start, im_end, think, word, cafe;

static void print_ids(const struct ids *v, struct buf *out)
{
    for (size_t i = 0; i < v->n; i++)
        buf_printf(out, i ? " %d" : "%d", (int)v->p[i]);
}

/* The ids as text, to be compared; the caller frees out. */
static const char *encode(struct buf *out, const char *text, unsigned flags,
                          const struct text_span *spans, size_t n_spans)
{
    struct err e = ERR_NONE;
    struct ids v = {0};
    buf_reset(out);
    if (encoder_run_spans(x, str_of(text), spans, n_spans, flags, &v, &e))
        print_ids(&v, out);
    else
        buf_puts(out, e.text);
    ids_free(&v);
    return buf_cstr(out);
}

static const char *list(struct buf *out, int n, const int32_t *ids)
{
    struct ids v = {(int32_t *)ids, (size_t)n, 0};
    buf_reset(out);
    print_ids(&v, out);
    return buf_cstr(out);
}
#define IDS(...)                                                                                   \
    list(&want, (int)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t)), (int32_t[]){__VA_ARGS__})

static void encodes(void)
{
    struct buf b = {0}, want = {0};
    CHECK_STR(encode(&b, "", 0, NULL, 0), "");
    CHECK_STR(encode(&b, "", ENCODE_WRAP, NULL, 0), IDS(endoftext));
    CHECK_STR(encode(&b, "aaaaaaa the", ENCODE_WRAP, NULL, 0), IDS(endoftext, 257, 256, 'a', 263));
    CHECK_STR(encode(&b, "<|im_end|>", 0, NULL, 0), IDS(im_end));
    CHECK_STR(encode(&b, "word words", 0, NULL, 0), IDS(word, ' ', 'w', 'o', 'r', 'd', 's'));
    CHECK_STR(encode(&b, "a  <pad> \n a", 0, NULL, 0),
              IDS('a', tokenizer_find(t, STR("<pad>")), 'a'));
    CHECK_STR(encode(&b, "cafe\xCC\x81", 0, NULL, 0), IDS(cafe));
    CHECK_STR(encode(&b, "\xFF", 0, NULL, 0), "byte 1: not UTF-8");
    buf_free(&b);
    buf_free(&want);
}

static void leaves_control_tokens_as_text(void)
{
    struct buf b = {0}, want = {0};
    const char *text = "<think><|im_end|>";
    struct ids v = {0};
    struct err e = ERR_NONE;
    CHECK_STR(encode(&b, text, 0, NULL, 0), IDS(think, im_end));
    CHECK(encoder_run(x, str_of(text), ENCODE_PLAIN, &v, &e) && v.n > 10);
    for (size_t i = 0; i < v.n; i++)
        CHECK(v.p[i] < endoftext);
    struct buf back = {0};
    tokenizer_decode(t, v.p, v.n, true, &back);
    CHECK_STR(buf_cstr(&back), text);
    v.n = 0;
    CHECK(encoder_run(x, str_of(text), ENCODE_NO_SPECIAL, &v, &e) && v.n > 2 && v.p[0] == think);
    for (size_t i = 1; i < v.n; i++)
        CHECK(v.p[i] < endoftext);
    ids_free(&v);
    buf_free(&back);
    buf_free(&b);
    buf_free(&want);
}

static void spans_are_text(void)
{
    struct buf b = {0}, want = {0};
    /* only the second <think> lies outside */
    CHECK_STR(encode(&b, "<think>aa<think>", 0, &(struct text_span){0, 9}, 1),
              IDS('<', 't', 'h', 265, 'k', '>', 256, think));
    struct ids v = {0};
    struct err e = ERR_NONE;
    /* a token that reaches into a span by one byte */
    v.n = 0;
    CHECK(encoder_run_spans(x, STR("<think>"), &(struct text_span){6, 7}, 1, 0, &v, &e));
    CHECK(v.n > 1);
    /* text that joins across the edge of a span is merged as if there were none */
    CHECK_STR(encode(&b, "aaaa", 0, &(struct text_span){1, 3}, 1), IDS(257));
    /* the normaliser moves what lies behind: the second caf\u00e9 is outside the span */
    v.n = 0;
    CHECK(encoder_run_spans(x, STR("cafe\xCC\x81 cafe\xCC\x81"), &(struct text_span){0, 6}, 1, 0,
                            &v, &e));
    CHECK(v.n > 2 && v.p[0] == 'c' && v.p[v.n - 1] == cafe);
    /* a mark in a span changes the letter before it, which so becomes part of the span */
    v.n = 0;
    CHECK(encoder_run_spans(x, STR("cafe\xCC\x81"), &(struct text_span){4, 6}, 1, 0, &v, &e));
    CHECK(v.n > 1 && v.p[0] == 'c');
    ids_free(&v);
    buf_free(&b);
    buf_free(&want);
}

static void composes_with_spans(void)
{
    struct buf out = {0};
    struct text_span s[] = {{1, 1}, {1, 4}, {6, 8}, {8, 8}};
    unicode_nfc(STR("xe\xCC\x81yze\xCC\x81"), &out, s, 3); /* x e' y z e' -> x e y z e */
    CHECK_STR(buf_cstr(&out), "x\xC3\xA9yz\xC3\xA9");
    CHECK(s[0].from == 1 && s[1].from == 1 && s[1].to == 3);
    CHECK(s[2].from == 5 && s[2].to == 7);
    buf_free(&out);
}

/* Merges by scanning for the lowest rank, leftmost first: what the words mean. */
static size_t scan(const int32_t (*rules)[3], size_t n_rules, int32_t *ids, size_t n)
{
    for (;;) {
        size_t best = n_rules, at = 0;
        for (size_t i = 0; i + 1 < n; i++)
            for (size_t k = 0; k < best; k++)
                if (ids[i] == rules[k][0] && ids[i + 1] == rules[k][1])
                    best = k, at = i;
        if (best == n_rules)
            return n;
        ids[at] = rules[best][2];
        memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof *ids);
        n--;
    }
}

static void merges_as_a_scan_does(void)
{
    static const int32_t rules[][3] = {
        {'a', 'a', 256}, {256, 256, 257}, {257, 257, 258}, {'a', 'b', 259}, {'b', 'a', 260}};
    struct ids v = {0};
    struct err e = ERR_NONE;
    uint32_t u = 1;
    for (size_t round = 0; round < 300; round++) {
        char text[300];
        int32_t ids[300];
        size_t n = round < 200 ? round % 60 + 1 : round;
        for (size_t i = 0; i < n; i++) {
            u = u * 1664525u + 1013904223u;
            ids[i] = text[i] = "ab"[(u >> 16 & (round & 1 ? 1 : 7)) == 0];
        }
        v.n = 0;
        CHECK(encoder_run(x, (struct str){text, n}, 0, &v, &e));
        n = scan(rules, 5, ids, n);
        CHECK(v.n == n && memcmp(v.p, ids, n * sizeof *ids) == 0);
    }
    ids_free(&v);
}

static void survives_long_pieces(void)
{
    struct buf b = {0}, back = {0};
    struct ids v = {0};
    struct err e = ERR_NONE;
    buf_reserve(&b, 1 << 20);
    for (int k = 0; k < 3; k++) {
        memset(b.p, "a \n"[k], 1 << 20);
        b.n = 1 << 20;
        v.n = back.n = 0;
        CHECK(encoder_run(x, buf_str(&b), 0, &v, &e));
        tokenizer_decode(t, v.p, v.n, false, &back);
        CHECK(str_eq(buf_str(&b), buf_str(&back)));
    }
    b.n = 0;
    for (int k = 0; k < 100000; k++) /* marks in the worst order for sorting by exchange */
        buf_puts(&b, k & 1 ? "\xCC\xA3" : "\xCC\x81");
    v.n = 0;
    CHECK(encoder_run(x, buf_str(&b), 0, &v, &e) && v.n == 200000);
    buf_free(&b);
    buf_free(&back);
    ids_free(&v);
}

static void decodes_as_a_stream(void)
{
    struct buf out = {0};
    struct decoder d = decoder_start(t, true);
    const int32_t ids[] = {0xF0, 0x9F, 0x98, 0x80, im_end, think,
                           0xE4, 0xB8, 'a',  0xC3, 100000, -1};
    const char *const after[] = {"",
                                 "",
                                 "",
                                 "\xF0\x9F\x98\x80",
                                 "\xF0\x9F\x98\x80",
                                 "\xF0\x9F\x98\x80<think>",
                                 "\xF0\x9F\x98\x80<think>",
                                 "\xF0\x9F\x98\x80<think>",
                                 "\xF0\x9F\x98\x80<think>\xEF\xBF\xBD"
                                 "a"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        decoder_push(&d, ids[i], &out);
        if (i < sizeof after / sizeof *after)
            CHECK_STR(buf_cstr(&out), after[i]);
    }
    decoder_finish(&d, &out);
    CHECK_STR(buf_cstr(&out), "\xF0\x9F\x98\x80<think>\xEF\xBF\xBD"
                              "a\xEF\xBF\xBD");
    buf_free(&out);
}

static void knows_its_tokens(void)
{
    CHECK_INT(tokenizer_size(t), cafe + 1);
    CHECK(tokenizer_is_special(t, im_end) && !tokenizer_is_special(t, think));
    CHECK(!tokenizer_is_special(t, 'a') && !tokenizer_is_special(t, -1));
    CHECK(tokenizer_has(t, 0) && !tokenizer_has(t, cafe + 1) && !tokenizer_has(t, -5));
    CHECK_INT(tokenizer_find(t, STR("<nothing>")), -1);
}

/* ---- files ---- */

#define REST                                                                                       \
    ",\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"                      \
    "\"decoder\":{\"type\":\"ByteLevel\"}}"

static void refuses_what_it_cannot_do(void)
{
    static const struct {
        const char *json, *part; /* of the message; NULL: it opens */
    } files[] = {
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}" REST, NULL},
        {"{\"model\":{\"vocab\":{\"a\":0,\"aa\":1},\"merges\":[\"a a\",[\"a\",\"a\"]]}" REST, NULL},
        {"", "byte 1"},
        {"[]", "not a JSON object"},
        {"{}", "model is missing"},
        {"{\"model\":3" REST, "model is not an object"},
        {"{\"model\":{\"type\":\"Unigram\"}" REST, "model.type"},
        {"{\"model\":{\"vocab\":{\"a\":0}}" REST, "model.merges is missing"},
        {"{\"model\":{\"vocab\":[],\"merges\":[]}" REST, "model.vocab is missing"},
        {"{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}" REST, "not in 0.."},
        {"{\"model\":{\"vocab\":{\"a\":1e9},\"merges\":[]}" REST, "not in 0.."},
        {"{\"model\":{\"vocab\":{\"a\":99999999999},\"merges\":[]}" REST, "not in 0.."},
        {"{\"model\":{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}" REST, "two tokens have the id 0"},
        {"{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}" REST, "\"aa\" is not in the"},
        {"{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"aa\"]}" REST, "not a pair"},
        {"{\"model\":{\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}" REST, "not a pair"},
        {"{\"model\":{\"vocab\":{\"a\":0},\"merges\":[],\"byte_fallback\":true}" REST,
         "byte_fallback"},
        {"{\"model\":{\"vocab\":{\"a\":0},\"merges\":[],\"dropout\":0.1}" REST, "dropout"},
        {"{\"model\":{\"vocab\":{},\"merges\":[]},\"decoder\":{\"type\":\"ByteLevel\"}}",
         "pre_tokenizer is"},
        {"{\"model\":{\"vocab\":{},\"merges\":[]},\"pre_tokenizer\":{\"type\":\"Whitespace\"}}",
         "Whitespace is not supported"},
        {"{\"model\":{\"vocab\":{},\"merges\":[]},\"pre_tokenizer\":{\"type\":\"Digits\"}}",
         "no ByteLevel"},
        {"{\"model\":{\"vocab\":{},\"merges\":[]},\"pre_tokenizer\":{\"type\":\"Split\","
         "\"behavior\":"
         "\"Isolated\",\"pattern\":{\"Regex\":\"(a\"}}}",
         "unclosed group"},
        {"{\"normalizer\":{\"type\":\"NFKC\"},\"model\":{\"vocab\":{},\"merges\":[]}" REST, "NFKC"},
        {"{\"added_tokens\":[{\"id\":0}],\"model\":{\"vocab\":{},\"merges\":[]}" REST, "content"},
        {"{\"added_tokens\":[{\"content\":\"x\"}],\"model\":{\"vocab\":{\"a\":1},\"merges\":[]"
         "}" REST,
         "id 1 of another"},
        {"{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[]},\"model\":{\"vocab\":"
         "{},"
         "\"merges\":[]}" REST,
         "no place for the text"},
        {"{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{"
         "\"id\":\"x\"}}"
         "]},\"model\":{\"vocab\":{},\"merges\":[]}" REST,
         "nothing is said about \"x\""},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct err e = ERR_NONE;
        struct tokenizer *k = tokenizer_parse(str_of(files[i].json), &e);
        CHECK((k == NULL) == (files[i].part != NULL));
        if (files[i].part && (e.status != ERR_DATA || !strstr(e.text, files[i].part)))
            CHECK_STR(e.text, files[i].part);
        tokenizer_close(k);
    }
}

/* What stands for a normalised token is its normal form, read as bytes like any token's. */
static void decodes_normal_forms(void)
{
    struct err e = ERR_NONE;
    struct buf out = {0};
    struct tokenizer *k =
        tokenizer_parse(STR("{\"normalizer\":{\"type\":\"NFC\"},\"added_tokens\":["
                            "{\"content\":\"e\\u0301x\",\"normalized\":true},"
                            "{\"content\":\"e\\u0301y\",\"normalized\":false},"
                            "{\"content\":\"e\\u0301 z\",\"normalized\":true}],"
                            "\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}" REST),
                        &e);
    CHECK(k != NULL);
    tokenizer_decode(k, (int32_t[]){1, 2, 3}, 3, false, &out);
    CHECK_STR(buf_cstr(&out), "\xEF\xBF\xBDx"
                              "e\xCC\x81y"
                              "\xC3\xA9 z");
    CHECK_INT(tokenizer_find(k, STR("e\xCC\x81x")), 1);
    buf_free(&out);
    tokenizer_close(k);
}

/* The reference software's rule: what rstrip took may begin the next token, but a token whose
 * lstrip finds nothing left of itself is not there. */
static void strips_white_space_once(void)
{
    static const struct {
        const char *text, *ids;
    } cases[] = {
        {"<x> lead", "1 2"},  {"<x>\n\nb", "1 3 0"},  {"<x>\t\tb", "1 0"},
        {"<x> \t\tb", "1 0"}, {"\t\t\t\tb", "4 4 0"}, {"<x>\t\t<x>", "1 1"},
    };
    struct err e = ERR_NONE;
    struct tokenizer *k = tokenizer_parse(
        STR("{\"added_tokens\":[{\"content\":\"<x>\",\"rstrip\":true},{\"content\":\" lead\"},"
            "{\"content\":\"\\n\\n\"},{\"content\":\"\\t\\t\",\"lstrip\":true}],"
            "\"model\":{\"vocab\":{\"b\":0},\"merges\":[]}" REST),
        &e);
    struct encoder *y = encoder_new(k);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ids v = {0};
        struct buf b = {0};
        CHECK(encoder_run(y, str_of(cases[i].text), 0, &v, &e));
        for (size_t n = 0; n < v.n; n++)
            buf_printf(&b, "%s%d", n ? " " : "", (int)v.p[n]);
        CHECK_STR(buf_cstr(&b), cases[i].ids);
        ids_free(&v);
        buf_free(&b);
    }
    encoder_free(y);
    tokenizer_close(k);
}

static void says_which_byte_has_no_token(void)
{
    struct err e = ERR_NONE;
    struct ids v = {0};
    struct tokenizer *k =
        tokenizer_parse(STR("{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}" REST), &e);
    struct encoder *y = encoder_new(k);
    CHECK(encoder_run(y, STR("aa"), 0, &v, &e) && v.n == 2);
    CHECK(!encoder_run(y, STR("ab"), 0, &v, &e));
    CHECK_STR(e.text, "the tokenizer has no token for byte 0x62");
    encoder_free(y);
    tokenizer_close(k);
    ids_free(&v);
}

int main(void)
{
    static const struct test tests[] = {
        {"encodes, with and without what goes around", encodes},
        {"text that spells control tokens stays text on request", leaves_control_tokens_as_text},
        {"spans from elsewhere are only text", spans_are_text},
        {"composition moves spans", composes_with_spans},
        {"merges as a scan does", merges_as_a_scan_does},
        {"survives pieces of a megabyte", survives_long_pieces},
        {"decodes as a stream", decodes_as_a_stream},
        {"strips white space once", strips_white_space_once},
        {"decodes normal forms", decodes_normal_forms},
        {"knows its tokens", knows_its_tokens},
        {"refuses what it cannot do", refuses_what_it_cannot_do},
        {"says which byte has no token", says_which_byte_has_no_token},
    };
    struct err e = ERR_NONE;
    t = tokenizer_open("testdata/tokenizer", &e);
    if (!t) {
        printf("Bail out! %s\n", e.text);
        return 1;
    }
    x = encoder_new(t);
    endoftext = tokenizer_find(t, STR("<|endoftext|>"));
    im_start = tokenizer_find(t, STR("<|im_start|>"));
    im_end = tokenizer_find(t, STR("<|im_end|>"));
    think = tokenizer_find(t, STR("<think>"));
    word = tokenizer_find(t, STR("word"));
    cafe = tokenizer_find(t, STR("caf\xC3\xA9"));
    int status = TAP_RUN(tests);
    encoder_free(x);
    tokenizer_close(t);
    return status;
}
