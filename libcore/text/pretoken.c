/* pretoken.c - see pretoken.h. */
#include "text/pretoken.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/pattern.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

enum step_kind { STEP_SPLIT, STEP_DIGITS, STEP_PREFIX_SPACE };

/* What becomes of the matches: the names of the file format. */
enum behaviour { REMOVED, ISOLATED, MERGED_WITH_PREVIOUS, MERGED_WITH_NEXT, CONTIGUOUS };

struct step {
    enum step_kind kind;
    enum behaviour behaviour;
    bool invert;
    struct pattern *pattern; /* of STEP_SPLIT */
};

struct pretoken {
    struct step steps[PRETOKEN_STEPS_MAX];
    size_t n;
    bool byte_level;
};

/* GPT-2's expression, which ByteLevel uses when it is told to use one. */
static const char byte_level_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* ---- reading ---- */

static struct step *add_step(struct pretoken *p, enum step_kind kind, struct err *e)
{
    if (p->n == PRETOKEN_STEPS_MAX) {
        err_set(e, ERR_DATA, "pre_tokenizer: more than %d steps", PRETOKEN_STEPS_MAX);
        return NULL;
    }
    struct step *s = &p->steps[p->n++];
    *s = (struct step){.kind = kind, .behaviour = ISOLATED};
    return s;
}

static bool get_flag(struct str object, const char *name, bool absent)
{
    struct str v;
    bool b = absent;
    if (json_get(object, name, &v))
        json_bool(v, &b);
    return b;
}

static bool read_split(struct pretoken *p, struct str object, struct arena *a, struct err *e)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    struct str pattern, source, name;
    struct step *s = add_step(p, STEP_SPLIT, e);
    if (!s)
        return false;
    if (!json_get(object, "pattern", &pattern) || json_type(pattern) != JSON_OBJECT)
        return err_set(e, ERR_DATA, "pre_tokenizer: a Split without a pattern");
    bool literal = json_get(pattern, "String", &source);
    if ((!literal && !json_get(pattern, "Regex", &source)) || json_type(source) != JSON_STRING)
        return err_set(e, ERR_DATA, "pre_tokenizer: a Split's pattern is no Regex and no String");
    if (!json_get(object, "behavior", &name) || json_type(name) != JSON_STRING)
        return err_set(e, ERR_DATA, "pre_tokenizer: a Split without a behavior");
    name = json_decode(a, name);
    size_t k = 0;
    while (k < 5 && !str_is(name, names[k]))
        k++;
    if (k == 5)
        return err_set(e, ERR_DATA, "pre_tokenizer: a Split's behavior is \"%.*s\"", STR_ARG(name));
    s->behaviour = (enum behaviour)k;
    s->invert = get_flag(object, "invert", false);
    s->pattern = pattern_open(json_decode(a, source), literal, e);
    return s->pattern || err_at(e, "pre_tokenizer: ");
}

static bool read_byte_level(struct pretoken *p, struct str object, struct err *e)
{
    if (get_flag(object, "add_prefix_space", true) && !add_step(p, STEP_PREFIX_SPACE, e))
        return false;
    if (get_flag(object, "use_regex", true)) {
        struct step *s = add_step(p, STEP_SPLIT, e);
        if (!s)
            return false;
        s->pattern = pattern_open(str_of(byte_level_pattern), false, e);
        if (!s->pattern)
            return false;
    }
    p->byte_level = true;
    return true;
}

static bool read_step(struct pretoken *p, struct str json, struct arena *a, struct err *e)
{
    struct str type, list;
    if (json_type(json) != JSON_OBJECT || !json_get(json, "type", &type) ||
        json_type(type) != JSON_STRING)
        return err_set(e, ERR_DATA, "pre_tokenizer: not an object with a type");
    type = json_decode(a, type);
    if (p->byte_level)
        return err_set(e, ERR_DATA, "pre_tokenizer: a %.*s after ByteLevel is not supported",
                       STR_ARG(type));
    if (str_is(type, "Split"))
        return read_split(p, json, a, e);
    if (str_is(type, "ByteLevel"))
        return read_byte_level(p, json, e);
    if (str_is(type, "Digits")) {
        struct step *s = add_step(p, STEP_DIGITS, e);
        if (s && !get_flag(json, "individual_digits", false))
            s->behaviour = CONTIGUOUS;
        return s != NULL;
    }
    if (!str_is(type, "Sequence"))
        return err_set(e, ERR_DATA, "pre_tokenizer: %.*s is not supported", STR_ARG(type));
    if (!json_get(json, "pretokenizers", &list) || json_type(list) != JSON_ARRAY)
        return err_set(e, ERR_DATA, "pre_tokenizer: a Sequence without pretokenizers");
    struct json_iter it = json_iter(list);
    struct str member;
    while (json_next(&it, NULL, &member)) /* depth is bounded by the JSON's */
        if (!read_step(p, member, a, e))
            return false;
    return true;
}

struct pretoken *pretoken_open(struct str json, struct err *e)
{
    struct pretoken *p = xcalloc(1, sizeof *p);
    struct arena a = {0};
    bool ok = read_step(p, json, &a, e);
    arena_free(&a);
    if (ok && !p->byte_level)
        ok = err_set(e, ERR_DATA, "pre_tokenizer: no ByteLevel, and others are not supported");
    if (!ok) {
        pretoken_close(p);
        return NULL;
    }
    return p;
}

void pretoken_close(struct pretoken *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        pattern_close(p->steps[i].pattern);
    free(p);
}

/* ---- cutting ---- */

struct cut {
    size_t from, to;
    bool match;
};

struct level { /* what one step needs while the steps behind it run on its pieces */
    struct matcher *matcher;
    struct cut *cuts;
    size_t n, cap;
    struct buf prefixed;
};

struct splitter {
    const struct pretoken *p;
    struct level levels[PRETOKEN_STEPS_MAX];
    bool (*piece)(void *arg, struct str piece, struct err *e);
    void *arg;
    struct err *e;
};

struct splitter *splitter_new(const struct pretoken *p)
{
    struct splitter *s = xcalloc(1, sizeof *s);
    s->p = p;
    for (size_t i = 0; i < p->n; i++)
        if (p->steps[i].kind == STEP_SPLIT)
            s->levels[i].matcher = matcher_new();
    return s;
}

void splitter_free(struct splitter *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < PRETOKEN_STEPS_MAX; i++) {
        matcher_free(s->levels[i].matcher);
        free(s->levels[i].cuts);
        buf_free(&s->levels[i].prefixed);
    }
    free(s);
}

static void add_cut(struct level *l, size_t from, size_t to, bool match)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->cuts = xrealloc(l->cuts, l->cap, sizeof *l->cuts);
    }
    l->cuts[l->n++] = (struct cut){from, to, match};
}

/* Matches and what lies between them, empty ones included. */
static bool cut_by_pattern(struct level *l, const struct step *step, struct str text, struct err *e)
{
    size_t done = 0, from, to;
    int more;
    matcher_start(l->matcher, step->pattern, text);
    while ((more = matcher_next(l->matcher, &from, &to, e)) > 0) {
        if (done < from)
            add_cut(l, done, from, step->invert);
        add_cut(l, from, to, !step->invert);
        done = to;
    }
    if (done < text.n)
        add_cut(l, done, text.n, step->invert);
    return more == 0;
}

static void cut_digits(struct level *l, struct str text)
{
    size_t done = 0;
    for (size_t i = 0; i < text.n;) {
        size_t from = i;
        uint32_t c = utf8_next(text, &i);
        if (c < 0x80 ? c < '0' || c > '9' : !unicode_is_number(c))
            continue;
        if (done < from)
            add_cut(l, done, from, false);
        add_cut(l, from, i, true);
        done = i;
    }
    if (done < text.n)
        add_cut(l, done, text.n, false);
}

/* A match joins the cut before it, unless that one was a match as well. */
static void merge_with_previous(struct level *l)
{
    size_t k = 0;
    bool previous = false;
    for (size_t i = 0; i < l->n; i++) {
        struct cut c = l->cuts[i];
        if (c.match && !previous && k)
            l->cuts[k - 1].to = c.to;
        else
            l->cuts[k++] = c;
        previous = c.match;
    }
    l->n = k;
}

static void merge_with_next(struct level *l)
{
    size_t k = l->n;
    bool previous = false;
    for (size_t i = l->n; i-- > 0;) {
        struct cut c = l->cuts[i];
        if (c.match && !previous && k < l->n)
            l->cuts[k].from = c.from;
        else
            l->cuts[--k] = c;
        previous = c.match;
    }
    l->n -= k;
    memmove(l->cuts, l->cuts + k, l->n * sizeof *l->cuts);
}

static void merge_equals(struct level *l)
{
    size_t k = 0;
    bool previous = false;
    for (size_t i = 0; i < l->n; i++) {
        struct cut c = l->cuts[i];
        if (k && c.match == previous)
            l->cuts[k - 1].to = c.to;
        else
            l->cuts[k++] = c;
        previous = c.match;
    }
    l->n = k;
}

static void behave(struct level *l, enum behaviour b)
{
    size_t k = 0;
    switch (b) {
    case ISOLATED: break;
    case REMOVED:
        for (size_t i = 0; i < l->n; i++)
            if (!l->cuts[i].match)
                l->cuts[k++] = l->cuts[i];
        l->n = k;
        break;
    case MERGED_WITH_PREVIOUS: merge_with_previous(l); break;
    case MERGED_WITH_NEXT: merge_with_next(l); break;
    case CONTIGUOUS: merge_equals(l); break;
    }
}

static bool run_from(struct splitter *s, size_t step, struct str text)
{
    if (text.n == 0)
        return true;
    if (step == s->p->n)
        return s->piece(s->arg, text, s->e);
    const struct step *st = &s->p->steps[step];
    struct level *l = &s->levels[step];
    if (st->kind == STEP_PREFIX_SPACE) {
        if (text.p[0] == ' ')
            return run_from(s, step + 1, text);
        buf_reset(&l->prefixed);
        buf_putc(&l->prefixed, ' ');
        buf_putstr(&l->prefixed, text);
        return run_from(s, step + 1, buf_str(&l->prefixed));
    }
    l->n = 0;
    if (st->kind == STEP_DIGITS)
        cut_digits(l, text);
    else if (!cut_by_pattern(l, st, text, s->e))
        return false;
    behave(l, st->behaviour);
    for (size_t i = 0; i < l->n; i++)
        if (!run_from(s, step + 1, str_slice(text, l->cuts[i].from, l->cuts[i].to)))
            return false;
    return true;
}

bool splitter_run(struct splitter *s, struct str text,
                  bool (*piece)(void *arg, struct str piece, struct err *e), void *arg,
                  struct err *e)
{
    s->piece = piece;
    s->arg = arg;
    s->e = e;
    return run_from(s, 0, text);
}
