/* data_chat.c - every case of DATA/chat, and the conversations of the folders in
 * DATA/engine: text, ids, and the text of the ids that a model answered. */
#include "cases.h"
#include "text/chat.h"

enum { MESSAGES_MAX = 1000 };

/* The tokenizer that was used last, since cases of one file share it. */
static struct {
    char *dir;
    struct tokenizer *t;
    struct encoder *x;
} last;

static void close_last(void)
{
    encoder_free(last.x);
    tokenizer_close(last.t);
    free(last.dir);
    last.dir = NULL;
}

static bool use_tokenizer(const char *dir, struct err *e)
{
    if (last.dir && strcmp(last.dir, dir) == 0)
        return true;
    if (last.dir)
        close_last();
    last.t = tokenizer_open(dir, e);
    last.x = last.t ? encoder_new(last.t) : NULL;
    last.dir = last.t ? xstrdup(dir) : NULL;
    return last.t != NULL;
}

static size_t read_messages(struct str record, struct arena *a, struct chat_message *out)
{
    struct str list, m;
    size_t n = 0;
    if (!json_get(record, "messages", &list) || json_type(list) != JSON_ARRAY)
        return 0;
    for (struct json_iter it = json_iter(list); n < MESSAGES_MAX && json_next(&it, NULL, &m); n++) {
        struct chat_message *c = &out[n];
        *c = (struct chat_message){{"", 0}, {"", 0}, {"", 0}, false};
        cases_text(m, "role", a, &c->role);
        cases_text(m, "content", a, &c->content);
        c->has_reasoning = cases_text(m, "reasoning_content", a, &c->reasoning);
    }
    return n;
}

/* Renders and encodes; compares with members of the record. */
static void try_case(const struct chat *c, struct str record, struct arena *a, bool generate,
                     const char *text_member, const char *ids_member, struct cases *k)
{
    struct err e = ERR_NONE;
    static struct chat_message m[MESSAGES_MAX];
    size_t n = read_messages(record, a, m);
    struct chat_text seen = {0};
    struct ids ids = {0}, want_ids = {0}, strict = {0};
    struct str want = {"", 0};
    struct chat_options o = {.generate = generate,
                             .no_thinking = !cases_flag(record, "enable_thinking", true)};
    cases_text(record, text_member, a, &want);
    bool has_ids = cases_ids(record, ids_member, &want_ids);
    bool ok = chat_render(c, m, n, &o, &seen, &e) &&
              chat_encode(c, &seen, true, last.x, &ids, &e) &&
              chat_encode(c, &seen, false, last.x, &strict, &e);
    bool same = ok && str_eq(buf_str(&seen.text), want) &&
                (!has_ids || cases_same_ids(&ids, &want_ids));
    if (!same && cases_differs(k)) {
        cases_print_text("expected", want);
        cases_print_text("seen", buf_str(&seen.text));
        cases_print_ids("expected", &want_ids);
        cases_print_ids("seen", &ids);
        printf("    %s\n", e.text);
    }
    chat_text_free(&seen);
    ids_free(&ids);
    ids_free(&want_ids);
    ids_free(&strict);
}

/* ---- DATA/chat/NAME.jsonl with NAME.jinja ---- */

static const char *root;

static void one_case(void *arg, struct str record, struct arena *a, struct cases *k)
{
    const struct buf *source = arg;
    struct err e = ERR_NONE;
    struct str tokenizer, bos = {"", 0};
    struct buf dir = {0};
    cases_text(record, "bos_token", a, &bos);
    if (!cases_text(record, "tokenizer", a, &tokenizer)) {
        cases_leave_out(k, "no tokenizer");
        return;
    }
    buf_printf(&dir, "%s/tokenizers/%.*s", root, STR_ARG(tokenizer));
    struct chat *c = chat_parse(buf_str(source), bos, NULL, &e);
    if (c && use_tokenizer(buf_cstr(&dir), &e))
        try_case(c, record, a, cases_flag(record, "add_generation_prompt", false), "expected_text",
                 "ids", k);
    else if (cases_differs(k))
        printf("    %s\n", e.text);
    chat_close(c);
    buf_free(&dir);
}

static void run_templates(void)
{
    char *folder = path_join(root, "chat"), *names[CASES_FOLDERS_MAX];
    size_t n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && n < CASES_FOLDERS_MAX && (entry = readdir(d));)
        if (str_ends(str_of(entry->d_name), STR(".jsonl")))
            names[n++] = xstrdup(entry->d_name);
    if (d)
        closedir(d);
    qsort(names, n, sizeof *names, cases_by_name);
    for (size_t i = 0; i < n; i++) {
        struct err e = ERR_NONE;
        struct buf path = {0}, source = {0};
        buf_printf(&path, "%s/%.*s.jinja", folder, (int)strlen(names[i]) - 6, names[i]);
        char *cases = path_join(folder, names[i]);
        if (!file_read(buf_cstr(&path), CASES_FILE_MAX, &source, &e))
            printf("%s: left out: %s\n", names[i], e.text);
        else
            cases_run(cases, names[i], one_case, &source);
        free(cases);
        buf_free(&path);
        buf_free(&source);
        free(names[i]);
    }
    free(folder);
}

/* ---- DATA/engine/NAME with e2e.json ---- */

static void one_conversation(const struct chat *c, struct str record, struct arena *a,
                             struct cases *k)
{
    struct ids ids = {0};
    struct str want;
    try_case(c, record, a, true, "prompt_text", "prompt_ids", k);
    for (int skip = 0; skip < 2; skip++) {
        struct buf seen = {0};
        if (cases_ids(record, "greedy_ids", &ids) &&
            cases_text(record, skip ? "text_skip_special" : "text", a, &want)) {
            tokenizer_decode(last.t, ids.p, ids.n, skip, &seen);
            if (!str_eq(buf_str(&seen), want) && cases_differs(k)) {
                cases_print_text("expected", want);
                cases_print_text("seen", buf_str(&seen));
            }
        }
        buf_free(&seen);
    }
    ids_free(&ids);
}

static void one_folder(const char *folder, const char *name)
{
    struct cases k = {.name = name};
    struct err e = ERR_NONE;
    struct buf file = {0};
    struct arena a = {0};
    struct str value, list, record;
    struct chat *c = NULL;
    char *path = path_join(folder, "e2e.json");
    if (!use_tokenizer(folder, &e) || !(c = chat_open(folder, NULL, last.t, &e)) ||
        !file_read(path, CASES_FILE_MAX, &file, &e) || !json_check(buf_str(&file), &value, &e) ||
        !json_get(value, "cases", &list) || json_type(list) != JSON_ARRAY) {
        cases_fail(name, e.status ? e.text : "e2e.json has no cases");
    } else {
        for (struct json_iter it = json_iter(list); json_next(&it, NULL, &record);) {
            k.ran++;
            k.line++;
            one_conversation(c, record, &a, &k);
        }
        cases_report(&k);
    }
    chat_close(c);
    arena_free(&a);
    buf_free(&file);
    free(path);
}

int main(int argc, char **argv)
{
    root = argc > 1 ? argv[1] : "../shared/data";
    char *engine = path_join(root, "engine");
    run_templates();
    cases_folders(engine, "e2e.json", one_folder);
    if (!cases_files)
        printf("chat: absent, left out\n");
    if (last.dir)
        close_last();
    free(engine);
    return cases_end();
}
