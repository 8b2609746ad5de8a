/* gold.c - see gold.h. */
#include "task/gold.h"
#include "engine/engine.h"
#include "task/goldfile.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct gold_reader {
    const struct inject_options *o;
    struct goldfile *file;
    struct prompter *prompter; /* NULL without a model */
    struct encoder *encoder;
    int32_t end_token;
    pthread_mutex_t lock; /* of the two above: one for all threads, since golds are few */
};

static bool open_model(struct gold_reader *r, struct err *e)
{
    r->prompter = prompter_open(r->o->model, &r->o->prompter, e);
    if (!r->prompter)
        return false;
    /* The chat format's own end of a turn; else the first of the model's end ids. */
    r->end_token = prompter_end(r->prompter);
    struct engine_info info;
    if (r->end_token < 0) {
        if (!engine_inspect(r->o->model, &info, NULL, e))
            return false;
        if (info.n_eos == 0)
            return err_set(e, ERR_DATA, "%s: its configuration names no end token", r->o->model);
        r->end_token = info.eos[0];
    }
    r->encoder = encoder_new(prompter_tokenizer(r->prompter));
    return true;
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
    prompter_close(r->prompter);
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
    if (!r->prompter)
        return get_string(g->arena, &g->top, "", F_PROMPT, &has, text, e);
    if (!get_tokens(g->arena, &g->top, "", F_PROMPT_TOKENS, &has, &ids, &n, e))
        return false;
    struct buf b = {0};
    tokenizer_decode(prompter_tokenizer(r->prompter), ids, n, false, &b);
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

/* A bare prompt is given the ids that gcpo-rollout would give it. */
static bool render_prompt(struct gold_reader *r, struct group *g, struct err *e)
{
    int32_t *ids;
    size_t n;
    if (!r->prompter || !object_is_null(&g->top, F_PROMPT_TOKENS))
        return true;
    pthread_mutex_lock(&r->lock);
    bool ok = prompter_render(r->prompter, g, NULL, &ids, &n, e);
    pthread_mutex_unlock(&r->lock);
    if (ok)
        object_set(g->arena, &g->top, F_PROMPT_TOKENS, raw_tokens(g->arena, ids, n));
    return ok;
}

/* The gold as ids with the end token.  Text that spells a special token stays
 * text; </think>, which is none, becomes its token.  *fits: within max_tokens. */
static bool tokenise(struct gold_reader *r, const struct group *g, struct gold *out, bool *fits,
                     struct err *e)
{
    uint64_t max_tokens;
    bool has;
    *fits = true;
    if (!r->prompter)
        return !has_tokens(g) ||
               err_set(e, ERR_USAGE, "the record carries token ids: give the model with -m");
    struct ids ids = {0};
    pthread_mutex_lock(&r->lock);
    bool ok = encoder_run(r->encoder, out->text, ENCODE_NO_SPECIAL, &ids, e);
    pthread_mutex_unlock(&r->lock);
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

bool gold_read(struct gold_reader *r, struct group *g, struct gold *out, enum gold_fate *fate,
               struct err *e)
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
    if (!render_prompt(r, g, e))
        return false;
    *fate = FATE_NO_THOUGHT;
    if (!fit_thought(r, g, answer, out, e))
        return e->status == 0;
    bool fits;
    if (!tokenise(r, g, out, &fits, e))
        return false;
    *fate = fits ? FATE_INJECTED : FATE_TOO_LONG;
    return true;
}
