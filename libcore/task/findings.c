/* findings.c - see findings.h. */
#include "task/findings.h"

#include <stdarg.h>
#include <stdio.h>

struct check {
    struct findings *f;
    const char *file;
    size_t line;
    const struct group *g;
    const struct tokenizer *tok;
};

void findings_add(struct findings *f, const char *file, size_t line, const char *what)
{
    f->n++;
    if (line)
        buf_printf(&f->text, "%s:%zu: %s\n", file, line, what);
    else
        buf_printf(&f->text, "%s: %s\n", file, what);
}

static void add(const struct check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void add(const struct check *c, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    findings_add(c->f, c->file, c->line, text);
}

/* Notes an error of a getter; true if there was none. */
static bool passed(const struct check *c, struct err *e)
{
    bool ok = e->status == 0;
    if (!ok)
        add(c, "%s", e->text);
    *e = (struct err)ERR_NONE;
    return ok;
}

static void want_string(const struct check *c, const struct object *o, const char *where,
                        enum field f)
{
    struct err e = ERR_NONE;
    bool has;
    struct str s;
    if (!get_string(c->g->arena, o, where, f, &has, &s, &e))
        passed(c, &e);
}

static void want_number(const struct check *c, const struct object *o, const char *where,
                        enum field f)
{
    struct err e = ERR_NONE;
    bool has;
    double v;
    if (!get_double(o, where, f, &has, &v, &e))
        passed(c, &e);
}

static void want_count(const struct check *c, enum field f, bool *has, uint64_t *out)
{
    struct err e = ERR_NONE;
    *has = false;
    if (!get_count(&c->g->top, "", f, has, out, &e))
        *has = passed(c, &e);
}

/* Ids with a token each, where a tokenizer is there. */
static void check_ids(const struct check *c, const char *where, enum field f, const int32_t *id,
                      size_t n)
{
    for (size_t i = 0; c->tok && i < n; i++)
        if (!tokenizer_has(c->tok, id[i])) {
            add(c, "\"%s%s[%zu]\" is %d (the tokenizer has no such id)", where, field_name(f), i,
                (int)id[i]);
            return;
        }
}

/* ---- the group ---- */

static void check_messages(const struct check *c)
{
    const struct str *messages = object_get(&c->g->top, F_MESSAGES);
    struct str v;
    size_t i = 0;
    if (!messages || json_type(*messages) == JSON_NULL)
        return;
    if (json_type(*messages) != JSON_ARRAY) {
        add(c, "\"messages\" is %s (expected an array)", json_type_name(json_type(*messages)));
        return;
    }
    for (struct json_iter it = json_iter(*messages); json_next(&it, NULL, &v); i++) {
        struct object m;
        if (!object_split(c->g->arena, v, &m)) {
            add(c, "\"messages[%zu]\" is %s (expected an object)", i, json_type_name(json_type(v)));
            continue;
        }
        char where[40];
        snprintf(where, sizeof where, "messages[%zu].", i);
        want_string(c, &m, where, F_ROLE);
        want_string(c, &m, where, F_CONTENT);
    }
}

static void check_top(const struct check *c, uint64_t *max_tokens)
{
    static const enum field strings[] = {F_PROMPT, F_SYSTEM, F_ANSWER, F_GOLD, F_GOLD_FATE};
    const struct object *top = &c->g->top;
    struct err e = ERR_NONE;
    struct str id;
    enum verdict v;
    bool has;
    uint64_t n;
    int32_t *ids;
    size_t n_ids;
    if (!group_id(c->g, &id, &e))
        passed(c, &e);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        want_string(c, top, "", strings[i]);
    check_messages(c);
    if (!object_is_null(top, F_PROMPT) && !object_is_null(top, F_MESSAGES))
        add(c, "\"prompt\" and \"messages\" are both there");
    if (!get_verdict(c->g->arena, top, "", F_GOLD_VERDICT, &v, &e))
        passed(c, &e);
    want_number(c, top, "", F_GOLD_REWARD);
    want_count(c, F_ROUND, &has, &n);
    want_count(c, F_FIRST_SAMPLE, &has, &n);
    want_count(c, F_MAX_TOKENS, &has, max_tokens);
    if (!get_tokens(c->g->arena, top, "", F_PROMPT_TOKENS, &has, &ids, &n_ids, &e))
        passed(c, &e);
    else
        check_ids(c, "", F_PROMPT_TOKENS, ids, n_ids);
}

/* ---- a response ---- */

static void check_logprobs(const struct check *c, const struct object *r, const char *where,
                           enum field f, bool has_tokens, size_t n_tokens)
{
    struct err e = ERR_NONE;
    bool has;
    float *v;
    size_t n;
    if (!get_floats(c->g->arena, r, where, f, &has, &v, &n, &e)) {
        passed(c, &e);
        return;
    }
    if (has && !has_tokens)
        add(c, "\"%s%s\" without tokens", where, field_name(f));
    else if (has && n != n_tokens)
        add(c, "\"%s%s\" has %zu elements (expected %zu, as tokens)", where, field_name(f), n,
            n_tokens);
    for (size_t i = 0; i < n; i++)
        if (v[i] > 0) {
            add(c, "\"%s%s[%zu]\" is %g (a log-probability is at most 0)", where, field_name(f), i,
                (double)v[i]);
            return;
        }
}

/* The text is what the ids spell; the end token is no part of it. */
static void check_spelling(const struct check *c, const struct object *r, const char *where,
                           const int32_t *id, size_t n)
{
    struct err e = ERR_NONE;
    bool has;
    struct str text;
    if (!c->tok || !n || !get_string(c->g->arena, r, where, F_TEXT, &has, &text, &e) || !has)
        return;
    for (size_t i = 0; i < n; i++)
        if (!tokenizer_has(c->tok, id[i]))
            return;
    struct buf whole = {0}, plain = {0};
    tokenizer_decode(c->tok, id, n, false, &whole);
    tokenizer_decode(c->tok, id, n, true, &plain);
    if (!str_eq(text, buf_str(&plain)) && !str_eq(text, buf_str(&whole))) {
        buf_reset(&whole);
        tokenizer_decode(c->tok, id, n - 1, false, &whole);
        if (!str_eq(text, buf_str(&whole)))
            add(c, "\"%stext\" is not what the tokens spell", where);
    }
    buf_free(&whole);
    buf_free(&plain);
}

static void check_tokens(const struct check *c, const struct object *r, const char *where,
                         uint64_t max_tokens)
{
    struct err e = ERR_NONE;
    enum finish finish;
    bool has;
    int32_t *id;
    size_t n;
    if (!get_finish(c->g->arena, r, where, &finish, &e))
        passed(c, &e);
    if (!get_tokens(c->g->arena, r, where, F_TOKENS, &has, &id, &n, &e)) {
        passed(c, &e);
        return;
    }
    check_logprobs(c, r, where, F_LOGPROBS, has, n);
    check_logprobs(c, r, where, F_REF_LOGPROBS, has, n);
    check_ids(c, where, F_TOKENS, id, n);
    check_spelling(c, r, where, id, n);
    if (has && max_tokens && n > max_tokens)
        add(c, "\"%stokens\" has %zu elements (max_tokens is %llu)", where, n,
            (unsigned long long)max_tokens);
}

/* Unscorable is null, scorable is a number, and there is a reward where there is a verdict. */
static void check_judgement(const struct check *c, const struct object *r, const char *where)
{
    struct err e = ERR_NONE;
    enum verdict v;
    want_number(c, r, where, F_REWARD);
    want_number(c, r, where, F_LENGTH_PENALTY);
    want_number(c, r, where, F_FORMAT_BONUS);
    want_number(c, r, where, F_ADVANTAGE);
    if (!get_verdict(c->g->arena, r, where, F_VERDICT, &v, &e)) {
        passed(c, &e);
        return;
    }
    if (v == VERDICT_ABSENT)
        return;
    if (!object_get(r, F_REWARD))
        add(c, "\"%sreward\" is missing beside a verdict", where);
    else if (verdict_is_scorable(v) && object_is_null(r, F_REWARD))
        add(c, "\"%sreward\" is null, but the verdict is %s", where, verdict_name(v));
    else if (!verdict_is_scorable(v) && !object_is_null(r, F_REWARD))
        add(c, "\"%sreward\" is a number, but the verdict is %s (expected null)", where,
            verdict_name(v));
}

static void check_response(const struct check *c, const struct object *r, const char *where,
                           uint64_t max_tokens)
{
    want_string(c, r, where, F_TEXT);
    want_string(c, r, where, F_EXTRACTED);
    want_string(c, r, where, F_WHY);
    check_tokens(c, r, where, max_tokens);
    check_judgement(c, r, where);
}

static void check_slot(const struct check *c, size_t i, uint64_t max_tokens)
{
    const struct object *r = &c->g->responses[i];
    const char *where = response_where(c->g->arena, i);
    const struct str *replaced = object_get(r, F_REPLACED);
    struct err e = ERR_NONE;
    enum source source;
    struct object old;
    check_response(c, r, where, max_tokens);
    if (!get_source(c->g->arena, r, where, &source, &e)) {
        passed(c, &e);
        return;
    }
    if (replaced && source != SOURCE_GOLD)
        add(c, "\"%sreplaced\" in a row that is no gold", where);
    if (!replaced)
        return;
    if (!object_split(c->g->arena, *replaced, &old)) {
        add(c, "\"%sreplaced\" is %s (expected an object)", where,
            json_type_name(json_type(*replaced)));
        return;
    }
    char inner[60];
    snprintf(inner, sizeof inner, "%sreplaced.", where);
    check_response(c, &old, inner, max_tokens);
}

void findings_group(struct findings *f, const char *file, size_t line, const struct group *g,
                    const struct tokenizer *tok)
{
    const struct check c = {f, file, line, g, tok};
    uint64_t max_tokens = 0;
    size_t judged = 0;
    check_top(&c, &max_tokens);
    for (size_t i = 0; i < g->n_responses; i++) {
        check_slot(&c, i, max_tokens);
        judged += !object_is_null(&g->responses[i], F_VERDICT);
    }
    if (judged && judged < g->n_responses)
        add(&c, "%zu of %zu responses have a verdict (expected all or none)", judged,
            g->n_responses);
}
