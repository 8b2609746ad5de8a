/* gold.c - see gold.h. */
#include "task/gold.h"
#include "task/goldfile.h"
#include "task/goldtokens.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

struct gold_reader {
    const struct inject_options *o;
    struct goldfile *file;
    struct goldtokens *tokens; /* NULL without a model */
};

struct gold_reader *gold_reader_open(const struct inject_options *o, struct err *e)
{
    struct gold_reader *r = xcalloc(1, sizeof *r);
    r->o = o;
    if (!o->undo && o->model)
        r->tokens = goldtokens_open(o->model, &o->prompter, e);
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
    goldtokens_close(r->tokens);
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

/* What the model saw, as text: the decoded prompt tokens, else the prompt. */
static bool prompt_text(const struct gold_reader *r, const struct group *g, struct str *text,
                        struct err *e)
{
    bool has;
    int32_t *ids;
    size_t n;
    *text = STR("");
    if (!r->tokens)
        return get_string(g->arena, &g->top, "", F_PROMPT, &has, text, e);
    if (!get_tokens(g->arena, &g->top, "", F_PROMPT_TOKENS, &has, &ids, &n, e))
        return false;
    struct buf b = {0};
    tokenizer_decode(goldtokens_tokenizer(r->tokens), ids, n, false, &b);
    *text = raw_buf(g->arena, &b);
    buf_free(&b);
    return true;
}

bool gold_fit_thought(enum inject_think think, struct str answer, struct arena *a, struct str *text)
{
    size_t closings = str_count(*text, think_close);
    if (closings == 1 || think == THINK_ASIS)
        return true;
    if (closings > 1 || think == THINK_REQUIRE)
        return false;
    struct buf b = {0};
    if (think == THINK_WRAP) { /* the working is the thought, the answer follows it */
        buf_putstr(&b, str_trim(*text));
        buf_puts(&b, "\n</think>\n\n\\boxed{");
        buf_putstr(&b, answer);
        buf_puts(&b, "}");
    } else { /* an empty thought, then the gold */
        buf_puts(&b, "\n</think>\n\n");
        buf_putstr(&b, *text);
    }
    *text = raw_buf(a, &b);
    buf_free(&b);
    return true;
}

/* *fits: where the prompt opens a thought, the gold closes exactly one. */
static bool fit_thought(const struct gold_reader *r, const struct group *g, struct str answer,
                        struct gold *out, bool *fits, struct err *e)
{
    struct str prompt;
    if (!prompt_text(r, g, &prompt, e))
        return false;
    *fits = !prompt_opens_thought(prompt) ||
            gold_fit_thought(r->o->think, answer, g->arena, &out->text);
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
    if (!r->tokens || !object_is_null(&g->top, F_PROMPT_TOKENS))
        return true;
    if (!goldtokens_prompt(r->tokens, g, &ids, &n, e))
        return false;
    object_set(g->arena, &g->top, F_PROMPT_TOKENS, raw_tokens(g->arena, ids, n));
    return true;
}

/* *fits: the ids with the end token are within max_tokens. */
static bool tokenise(struct gold_reader *r, const struct group *g, struct gold *out, bool *fits,
                     struct err *e)
{
    uint64_t max_tokens;
    bool has;
    *fits = true;
    if (!r->tokens)
        return !has_tokens(g) ||
               err_set(e, ERR_USAGE, "the record carries token ids: give the model with -m");
    if (!goldtokens_encode(r->tokens, out->text, g->arena, &out->tokens, &out->n_tokens, e) ||
        !get_count(&g->top, "", F_MAX_TOKENS, &has, &max_tokens, e))
        return false;
    *fits = !has || out->n_tokens <= max_tokens;
    return true;
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
    bool fits;
    if (!fit_thought(r, g, answer, out, &fits, e))
        return false;
    if (!fits)
        return true;
    if (!tokenise(r, g, out, &fits, e))
        return false;
    *fate = fits ? FATE_INJECTED : FATE_TOO_LONG;
    return true;
}
