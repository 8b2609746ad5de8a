/* gold.c - see gold.h. */
#include "task/gold.h"
#include "task/goldfile.h"

#include <stdlib.h>
#include <string.h>

struct gold_reader {
    const struct inject_options *o;
    struct goldfile *file;
};

struct gold_reader *gold_reader_open(const struct inject_options *o, struct err *e)
{
    struct gold_reader *r = xcalloc(1, sizeof *r);
    r->o = o;
    if (o->gold_file && !o->undo && !(r->file = goldfile_open(o->gold_file, e))) {
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

/* Where the prompt opens a thought, the gold must close exactly one. */
static bool fit_thought(const struct gold_reader *r, const struct group *g, struct str answer,
                        struct gold *out, struct err *e)
{
    struct str prompt;
    bool has;
    if (!get_string(g->arena, &g->top, "", F_PROMPT, &has, &prompt, e))
        return false;
    bool opened = has && prompt_opens_thought(prompt);
    if (!opened || r->o->think == THINK_ASIS)
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
    *fate = FATE_INJECTED;
    return true;
}
