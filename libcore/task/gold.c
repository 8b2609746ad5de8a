/* gold.c - see gold.h. */
#include "task/gold.h"
#include "base/file.h"
#include "task/goldfile.h"
#include "text/tokenizer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_MAX = 16 << 20 };

struct gold_reader {
    const struct inject_options *o;
    struct goldfile *file;
    struct tokenizer *tokenizer; /* NULL without a model */
    struct encoder *encoder;     /* one for all threads: golds are few */
    pthread_mutex_t lock;
    int32_t end_token;
};

/* ---- the end token ---- */

/* A member of DIR/NAME as raw JSON in the arena; false if file or member is absent. */
static bool config_member(struct arena *a, const char *dir, const char *name, const char *member,
                          struct str *out, struct err *e)
{
    char *path = path_join(dir, name);
    struct buf text = {0};
    struct str value;
    bool found = false;
    if (file_exists(path) && file_read(path, CONFIG_MAX, &text, e)) {
        struct str copy = {arena_strdup(a, text.p, text.n), text.n};
        if (!json_check(copy, &value, e))
            err_at(e, "%s: ", path);
        else
            found = json_get(value, member, out) && json_type(*out) != JSON_NULL;
    }
    buf_free(&text);
    free(path);
    return found;
}

/* The token that ends a turn: "eos_token" of the tokenizer's configuration (a chat
 * model's differs from the first of its end ids), else the first "eos_token_id". */
static bool find_end_token(struct gold_reader *r, struct arena *a, struct err *e)
{
    const char *dir = r->o->model;
    struct str v;
    if (config_member(a, dir, "tokenizer_config.json", "eos_token", &v, e)) {
        if (json_type(v) == JSON_OBJECT && !json_get(v, "content", &v))
            return err_set(e, ERR_DATA,
                           "%s/tokenizer_config.json: \"eos_token\" has no \"content\"", dir);
        if (json_type(v) != JSON_STRING)
            return err_set(e, ERR_DATA, "%s/tokenizer_config.json: \"eos_token\" is no string",
                           dir);
        struct str name = json_decode(a, v);
        r->end_token = tokenizer_find(r->tokenizer, name);
        return r->end_token >= 0 ||
               err_set(e, ERR_DATA, "%s: the tokenizer has no end token \"%.*s\"", dir,
                       STR_ARG(name));
    }
    if (e->status)
        return false;
    static const char *const files[] = {"generation_config.json", "config.json"};
    for (int i = 0; i < 2; i++) {
        struct str first;
        int64_t id;
        if (config_member(a, dir, files[i], "eos_token_id", &v, e)) {
            struct json_iter it = json_iter(v);
            if (!json_next(&it, NULL, &first))
                first = v;
            if (!json_i64(first, &id) || id < 0 || id > INT32_MAX)
                return err_set(e, ERR_DATA, "%s/%s: \"eos_token_id\" is no token id", dir,
                               files[i]);
            r->end_token = (int32_t)id;
            return true;
        }
        if (e->status)
            return false;
    }
    return err_set(e, ERR_DATA, "%s: no end token is named by its configuration", dir);
}

static bool open_model(struct gold_reader *r, struct err *e)
{
    struct arena a = {0};
    r->tokenizer = tokenizer_open(r->o->model, e);
    bool ok = r->tokenizer && find_end_token(r, &a, e);
    if (ok)
        r->encoder = encoder_new(r->tokenizer);
    arena_free(&a);
    return ok;
}

struct gold_reader *gold_reader_open(const struct inject_options *o, struct err *e)
{
    struct gold_reader *r = xcalloc(1, sizeof *r);
    r->o = o;
    pthread_mutex_init(&r->lock, NULL);
    if (!o->undo && o->model)
        open_model(r, e);
    if (!o->undo && o->gold_file && !e->status)
        r->file = goldfile_open(o->gold_file, e);
    if (e->status) {
        gold_reader_close(r);
        return NULL;
    }
    return r;
}

void gold_reader_close(struct gold_reader *r)
{
    if (!r)
        return;
    goldfile_close(r->file);
    encoder_free(r->encoder);
    tokenizer_close(r->tokenizer);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- is it only the answer? ---- */

static bool is_markup(unsigned char c)
{
    return c <= ' ' || strchr("$*_.,;:!#{}()[]\\`\"'", c);
}

/* Drops markup, and the words that only announce an answer. */
static void strip(struct str s, struct buf *out)
{
    static const char *const words[] = {"\\boxed",   "\\fbox",  "\\text",  "\\mathrm", "\\left",
                                        "\\right",   "\\dfrac", "\\tfrac", "\\frac",   "\\!",
                                        "\\,",       "the",     "final",   "answer",   "is",
                                        "therefore", "so",      "thus",    "hence",    "A:"};
    for (size_t i = 0; i < s.n;) {
        bool hit = false;
        bool word_start = i == 0 || is_markup((unsigned char)s.p[i - 1]);
        for (size_t w = 0; w < sizeof words / sizeof *words && !hit; w++) {
            size_t n = strlen(words[w]);
            bool command = words[w][0] == '\\';
            if (i + n > s.n || (!command && !word_start))
                continue;
            bool same = true;
            for (size_t k = 0; k < n && same; k++) {
                char c = s.p[i + k];
                same = command || c < 'A' || c > 'Z' ? c == words[w][k]
                                                     : (c | 32) == (words[w][k] | 32);
            }
            bool ends = command || i + n == s.n || is_markup((unsigned char)s.p[i + n]);
            if (same && ends) {
                i += n;
                hit = true;
            }
        }
        if (hit)
            continue;
        if (!is_markup((unsigned char)s.p[i]))
            buf_putc(out, s.p[i]);
        i++;
    }
}

bool gold_is_bare(struct str text, struct str answer)
{
    struct buf t = {0}, a = {0};
    strip(text, &t);
    strip(answer, &a);
    bool bare = str_eq(buf_str(&t), buf_str(&a)) || t.n == 0;
    buf_free(&t);
    buf_free(&a);
    return bare;
}

/* ---- thoughts ---- */

static const struct str think_open = {"<think>", 7}, think_close = {"</think>", 8};

bool prompt_opens_thought(struct str prompt)
{
    size_t open = str_rfind(prompt, think_open), close = str_rfind(prompt, think_close);
    return open != STR_NONE && (close == STR_NONE || close < open);
}

static size_t count(struct str s, struct str needle)
{
    size_t n = 0;
    for (size_t at = 0; (at = str_find(s, needle, at)) != STR_NONE; at += needle.n)
        n++;
    return n;
}

/* What the model saw, as text: the decoded prompt tokens, else the prompt. */
static bool prompt_text(const struct gold_reader *r, const struct group *g, struct str *text,
                        struct err *e)
{
    bool has;
    int32_t *ids;
    size_t n;
    *text = STR("");
    if (!r->tokenizer)
        return get_string(g->arena, &g->top, "", F_PROMPT, &has, text, e);
    if (!get_tokens(g->arena, &g->top, "", F_PROMPT_TOKENS, &has, &ids, &n, e))
        return false;
    struct buf b = {0};
    tokenizer_decode(r->tokenizer, ids, n, false, &b);
    *text = raw_buf(g->arena, &b);
    buf_free(&b);
    return true;
}

/* Where the prompt opens a thought, the gold must close exactly one. */
static bool fit_thought(const struct gold_reader *r, const struct group *g, struct str answer,
                        struct gold *out, struct err *e)
{
    struct str prompt;
    if (!prompt_text(r, g, &prompt, e))
        return false;
    if (!prompt_opens_thought(prompt) || r->o->think == THINK_ASIS)
        return true;
    size_t closings = count(out->text, think_close);
    if (closings == 1)
        return true;
    if (closings > 1 || r->o->think == THINK_REQUIRE)
        return false;
    struct buf b = {0};
    if (r->o->think == THINK_WRAP) { /* the working is the thought, the answer follows it */
        buf_putstr(&b, str_trim(out->text));
        buf_puts(&b, "\n</think>\n\n\\boxed{");
        buf_putstr(&b, answer);
        buf_puts(&b, "}");
    } else { /* an empty thought, then the gold */
        buf_puts(&b, "\n</think>\n\n");
        buf_putstr(&b, out->text);
    }
    out->text = raw_buf(g->arena, &b);
    buf_free(&b);
    return true;
}

/* ---- tokens ---- */

static bool has_tokens(const struct group *g)
{
    for (size_t i = 0; i < g->n_responses; i++)
        if (!object_is_null(&g->responses[i], F_TOKENS))
            return true;
    return !object_is_null(&g->top, F_PROMPT_TOKENS);
}

/* The gold as ids with the end token.  Text that spells a special token stays
 * text; </think>, which is none, becomes its token.  *fits: within max_tokens. */
static bool tokenise(const struct gold_reader *r, const struct group *g, struct gold *out,
                     bool *fits, struct err *e)
{
    uint64_t max_tokens;
    bool has;
    *fits = true;
    if (!r->tokenizer)
        return !has_tokens(g) ||
               err_set(e, ERR_USAGE, "the record carries token ids: give the model with -m");
    struct gold_reader *own = (struct gold_reader *)r; /* the encoder is scratch, under the lock */
    struct ids ids = {0};
    pthread_mutex_lock(&own->lock);
    bool ok = encoder_run(own->encoder, out->text, ENCODE_NO_SPECIAL, &ids, e);
    pthread_mutex_unlock(&own->lock);
    if (ok) {
        ids_push(&ids, r->end_token);
        out->n_tokens = ids.n;
        out->tokens = arena_array(g->arena, ids.n, sizeof *ids.p);
        memcpy(out->tokens, ids.p, ids.n * sizeof *ids.p);
        ok = get_count(&g->top, "", F_MAX_TOKENS, &has, &max_tokens, e);
        *fits = !ok || !has || ids.n <= max_tokens;
    }
    ids_free(&ids);
    return ok;
}

/* ---- the decision ---- */

/* The object that the gold's members are read from: the record, or the gold file's. */
static bool find_record(const struct gold_reader *r, const struct group *g, struct object *from,
                        bool *found, struct err *e)
{
    struct str id;
    *from = g->top;
    *found = true;
    if (!r->file)
        return true;
    return group_id(g, &id, e) && goldfile_find(r->file, id, g->arena, from, found, e);
}

bool gold_read(const struct gold_reader *r, const struct group *g, struct gold *out,
               enum gold_fate *fate, struct err *e)
{
    struct arena *a = g->arena;
    struct object from;
    bool found, has;
    enum verdict v;
    struct str answer = STR("");
    *out = (struct gold){0};
    *fate = FATE_NO_GOLD;
    if (!find_record(r, g, &from, &found, e))
        return false;
    if (!found)
        return true;
    if (!get_string(a, &from, "", F_GOLD, &has, &out->text, e))
        return false;
    if (!has || str_trim(out->text).n == 0)
        return true;
    if (!get_verdict(a, &from, "", F_GOLD_VERDICT, &v, e))
        return false;
    if (v == VERDICT_ABSENT)
        return err_set(e, ERR_DATA, "\"gold_verdict\" is missing (run gcpo-verify first)");
    *fate = FATE_NOT_CORRECT;
    if (v != VERDICT_CORRECT)
        return true;
    if (object_is_null(&from, F_GOLD_REWARD))
        return err_set(e, ERR_DATA, "\"gold_reward\" is missing (run gcpo-verify first)");
    double reward;
    if (!need_double(&from, "", F_GOLD_REWARD, &reward, e) ||
        !get_string(a, &g->top, "", F_ANSWER, &has, &answer, e))
        return false;
    out->reward = *object_get(&from, F_GOLD_REWARD);
    *fate = FATE_BARE;
    if (!r->o->allow_bare && gold_is_bare(out->text, answer))
        return true;
    *fate = FATE_NO_THOUGHT;
    if (!fit_thought(r, g, answer, out, e))
        return e->status == 0;
    bool fits;
    if (!tokenise(r, g, out, &fits, e))
        return false;
    *fate = fits ? FATE_INJECTED : FATE_TOO_LONG;
    return true;
}
