/* data_tokenizers.c - every case of DATA/tokenizers, and of the tokenizers in
 * DATA/engine: ids, texts, pre-tokens, composition, classes of characters. */
#include "cases.h"
#include "text/pattern.h"
#include "text/pretoken.h"
#include "text/tokenizer.h"

struct under_test {
    struct tokenizer *t;
    struct encoder *x;
    struct ids seen, want;
};

/* ---- cases.jsonl: text, ids, [ids_with_special], [decoded] ---- */

static bool encodes(struct under_test *u, struct str record, const char *member, struct str text,
                    unsigned flags, struct cases *c)
{
    struct err e = ERR_NONE;
    u->seen.n = 0;
    if (!cases_ids(record, member, &u->want))
        return true;
    bool ok = encoder_run(u->x, text, flags, &u->seen, &e);
    if (ok && cases_same_ids(&u->seen, &u->want))
        return true;
    if (cases_differs(c)) {
        cases_print_text("text", text);
        cases_print_ids(member, &u->want);
        cases_print_ids("seen", &u->seen);
        if (!ok)
            printf("    %s\n", e.text);
    }
    return false;
}

static void one_case(void *arg, struct str record, struct arena *a, struct cases *c)
{
    struct under_test *u = arg;
    struct str text, decoded;
    if (!cases_text(record, "text", a, &text) || !cases_ids(record, "ids", &u->want)) {
        cases_leave_out(c, "no text and ids");
        return;
    }
    if (!encodes(u, record, "ids", text, 0, c) ||
        !encodes(u, record, "ids_with_special", text, ENCODE_WRAP, c))
        return;
    struct buf out = {0};
    cases_ids(record, "ids", &u->want);
    tokenizer_decode(u->t, u->want.p, u->want.n, false, &out);
    if (!cases_text(record, "decoded", a, &decoded))
        decoded = text;
    if (!str_eq(buf_str(&out), decoded) && cases_differs(c)) {
        cases_print_ids("ids", &u->want);
        cases_print_text("decoded", decoded);
        cases_print_text("seen", buf_str(&out));
    }
    buf_free(&out);
}

/* ---- decode.jsonl: ids, skip_special_tokens, text ---- */

static void one_decode(void *arg, struct str record, struct arena *a, struct cases *c)
{
    struct under_test *u = arg;
    struct str text;
    if (!cases_text(record, "text", a, &text) || !cases_ids(record, "ids", &u->want)) {
        cases_leave_out(c, "no text and ids");
        return;
    }
    bool skip = cases_flag(record, "skip_special_tokens", false);
    struct buf whole = {0}, stream = {0};
    tokenizer_decode(u->t, u->want.p, u->want.n, skip, &whole);
    struct decoder d = decoder_start(u->t, skip);
    bool held = true; /* what has come out is never taken back, and is whole characters */
    for (size_t i = 0; i < u->want.n; i++) {
        decoder_push(&d, u->want.p[i], &stream);
        held = held && str_starts(text, buf_str(&stream)) &&
               utf8_valid_prefix(buf_str(&stream)) == stream.n;
    }
    decoder_finish(&d, &stream);
    if ((!held || !str_eq(buf_str(&whole), text) || !str_eq(buf_str(&stream), text)) &&
        cases_differs(c)) {
        cases_print_ids("ids", &u->want);
        cases_print_text("text", text);
        cases_print_text("whole", buf_str(&whole));
        cases_print_text("stream", buf_str(&stream));
    }
    buf_free(&whole);
    buf_free(&stream);
}

static void one_tokenizer(const char *folder, const char *name)
{
    struct err e = ERR_NONE;
    struct under_test u = {.t = tokenizer_open(folder, &e)};
    if (!u.t) {
        cases_fail(name, e.text);
        return;
    }
    u.x = encoder_new(u.t);
    static const char *const files[] = {"cases.jsonl", "decode.jsonl"};
    for (int i = 0; i < 2; i++) {
        char *path = path_join(folder, files[i]), *shown = path_join(name, files[i]);
        cases_run(path, shown, i ? one_decode : one_case, &u);
        free(path);
        free(shown);
    }
    encoder_free(u.x);
    tokenizer_close(u.t);
    ids_free(&u.seen);
    ids_free(&u.want);
}

/* ---- pretok.jsonl: text and, by the name of a pre-tokenizer, its pieces ---- */

#define SPLIT_THEN_BYTES(regex)                                                                    \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"        \
    "\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|" regex                \
    "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"},"     \
    "\"behavior\":\"Isolated\",\"invert\":false},"                                                 \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}"

static struct known {
    const char *name, *json;
    struct pretoken *p;
    struct splitter *s;
} known[] = {
    {"qwen2", SPLIT_THEN_BYTES("\\\\p{N}"), NULL, NULL},
    {"llama3", SPLIT_THEN_BYTES("\\\\p{N}{1,3}"), NULL, NULL},
    {"gpt2", "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}", NULL, NULL},
};
enum { KNOWN = sizeof known / sizeof *known };

static bool put_piece(void *arg, struct str piece, struct err *e)
{
    (void)e;
    struct buf *b = arg;
    buf_puts(b, b->n ? "," : "");
    json_put_string(b, piece);
    return true;
}

static void one_pretok(void *arg, struct str record, struct arena *a, struct cases *c)
{
    (void)arg;
    struct str text, pieces, piece;
    if (!cases_text(record, "text", a, &text)) {
        cases_leave_out(c, "no text");
        return;
    }
    bool bad = false;
    for (int k = 0; k < KNOWN && !bad; k++) {
        struct err e = ERR_NONE;
        struct buf want = {0}, seen = {0};
        if (!json_get(record, known[k].name, &pieces) || json_type(pieces) != JSON_ARRAY)
            continue;
        for (struct json_iter it = json_iter(pieces); json_next(&it, NULL, &piece);)
            put_piece(&want, json_decode(a, piece), &e);
        bool ok = splitter_run(known[k].s, text, put_piece, &seen, &e);
        bad = !ok || !str_eq(buf_str(&seen), buf_str(&want));
        if (bad && cases_differs(c))
            printf("    %s of  %.*s\n    expected %s\n    seen     %s %s\n", known[k].name,
                   STR_ARG(text), buf_cstr(&want), buf_cstr(&seen), e.text);
        buf_free(&want);
        buf_free(&seen);
    }
}

static void run_pretok(const char *path)
{
    struct err e = ERR_NONE;
    for (int k = 0; k < KNOWN; k++) {
        known[k].p = pretoken_open(str_of(known[k].json), &e);
        if (!known[k].p) {
            cases_fail("pretok.jsonl", e.text);
            return;
        }
        known[k].s = splitter_new(known[k].p);
    }
    cases_run(path, "pretok.jsonl", one_pretok, NULL);
    for (int k = 0; k < KNOWN; k++) {
        splitter_free(known[k].s);
        pretoken_close(known[k].p);
    }
}

/* ---- nfc.jsonl: [text, composed] or [text, composed by the reference, by Unicode of today] ---- */

static void one_nfc(void *arg, struct str record, struct arena *a, struct cases *c)
{
    (void)arg;
    struct str text, want;
    struct json_iter it = json_iter(record);
    if (json_type(record) != JSON_ARRAY || !json_next(&it, NULL, &text) ||
        !json_next(&it, NULL, &want) || json_type(text) != JSON_STRING ||
        json_type(want) != JSON_STRING) {
        cases_leave_out(c, "no two texts");
        return;
    }
    text = json_decode(a, text);
    want = json_decode(a, want);
    struct buf seen = {0};
    unicode_nfc(text, &seen, NULL, 0);
    bool same = str_eq(buf_str(&seen), want) &&
                (!unicode_is_plainly_nfc(text) || str_eq(text, want));
    if (!same && cases_differs(c)) {
        cases_print_text("text", text);
        cases_print_text("expected", want);
        cases_print_text("seen", buf_str(&seen));
    }
    buf_free(&seen);
}

/* ---- unicode_classes.json: inclusive ranges of \p{L}, \p{N}, \s ---- */

/* Matches the class against a text of all code points; member[c] tells. */
static bool members_of(const char *expression, bool *member, struct err *e)
{
    struct pattern *p = pattern_open(str_of(expression), false, e);
    if (!p)
        return false;
    struct buf text = {0};
    for (uint32_t c = 0; c < UNICODE_END; c++)
        if (c < 0xD800 || c > 0xDFFF)
            buf_utf8(&text, c);
    struct matcher *m = matcher_new();
    matcher_start(m, p, buf_str(&text));
    size_t from, to;
    int more;
    while ((more = matcher_next(m, &from, &to, e)) > 0)
        member[utf8_next(buf_str(&text), &from)] = true;
    matcher_free(m);
    pattern_close(p);
    buf_free(&text);
    return more == 0;
}

static void one_class(const char *expression, struct str ranges, struct cases *c)
{
    struct err e = ERR_NONE;
    bool *seen = xcalloc(UNICODE_END, sizeof *seen), *want = xcalloc(UNICODE_END, sizeof *want);
    struct str range, end;
    for (struct json_iter it = json_iter(ranges); json_next(&it, NULL, &range);) {
        int64_t from = 0, to = -1;
        struct json_iter ends = json_iter(range);
        if (json_next(&ends, NULL, &end) && json_i64(end, &from) && json_next(&ends, NULL, &end) &&
            json_i64(end, &to) && from >= 0 && to < UNICODE_END)
            for (int64_t k = from; k <= to; k++)
                want[k] = true;
    }
    if (!members_of(expression, seen, &e) && cases_differs(c))
        printf("    %s\n", e.text);
    for (uint32_t k = 0; k < UNICODE_END; k++) {
        c->ran++;
        if (seen[k] != want[k] && cases_differs(c))
            printf("    %s %s U+%04X\n", expression, seen[k] ? "has" : "has not", (unsigned)k);
    }
    free(seen);
    free(want);
}

static void run_classes(const char *path)
{
    static const char *const classes[][2] = {{"L", "\\p{L}"}, {"N", "\\p{N}"}, {"S", "\\s"}};
    struct cases c = {.name = "unicode_classes.json"};
    struct err e = ERR_NONE;
    struct buf file = {0};
    struct str root, ranges;
    if (access(path, F_OK) != 0)
        return;
    if (!file_read(path, CASES_FILE_MAX, &file, &e) || !json_check(buf_str(&file), &root, &e)) {
        cases_fail(c.name, e.text);
    } else {
        for (int i = 0; i < 3; i++)
            if (json_get(root, classes[i][0], &ranges) && json_type(ranges) == JSON_ARRAY)
                one_class(classes[i][1], ranges, &c);
        cases_report(&c);
    }
    buf_free(&file);
}

int main(int argc, char **argv)
{
    char *root = path_join(argc > 1 ? argv[1] : "../shared/data", "tokenizers");
    char *pretok = path_join(root, "pretok.jsonl"), *nfc = path_join(root, "nfc.jsonl");
    char *classes = path_join(root, "unicode_classes.json");
    cases_folders(root, "tokenizer.json", one_tokenizer);
    run_pretok(pretok);
    cases_run(nfc, "nfc.jsonl", one_nfc, NULL);
    run_classes(classes);
    if (!cases_files)
        printf("tokenizers: absent, left out\n");
    free(pretok);
    free(nfc);
    free(classes);
    free(root);
    return cases_end();
}
