/* record.c - see record.h. */
#include "stream/record.h"
#include "base/num.h"

#include <stdio.h>
#include <string.h>

const char *field_name(enum field f)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        RECORD_FIELDS(X)
#undef X
    };
    return names[f];
}

/* ---- objects ---- */

static void append(struct arena *a, struct object *o, struct str key, struct str value)
{
    if (o->n == o->cap) {
        size_t cap = o->cap ? 2 * o->cap : 12;
        struct member *m = arena_array(a, cap, sizeof *m);
        if (o->n)
            memcpy(m, o->m, o->n * sizeof *m);
        o->m = m;
        o->cap = cap;
    }
    o->m[o->n++] = (struct member){key, value};
}

bool object_split(struct arena *a, struct str value, struct object *o)
{
    *o = (struct object){0};
    if (!value.n || json_type(value) != JSON_OBJECT)
        return false;
    struct str key, v;
    for (struct json_iter it = json_iter(value); json_next(&it, &key, &v);)
        append(a, o, key, v);
    return true;
}

static struct member *find(const struct object *o, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < o->n; i++) {
        struct str k = o->m[i].key;
        if (k.n == n ? memcmp(k.p, name, n) == 0 : k.n > n && json_key_is(k, name))
            return &o->m[i];
    }
    return NULL;
}

const struct str *object_get_name(const struct object *o, const char *name)
{
    struct member *m = find(o, name);
    return m ? &m->value : NULL;
}

const struct str *object_get(const struct object *o, enum field f)
{
    return object_get_name(o, field_name(f));
}

bool object_is_null(const struct object *o, enum field f)
{
    const struct str *v = object_get(o, f);
    return !v || json_type(*v) == JSON_NULL;
}

void object_set(struct arena *a, struct object *o, enum field f, struct str value)
{
    struct member *m = find(o, field_name(f));
    if (m)
        m->value = value;
    else
        append(a, o, str_of(field_name(f)), value);
}

void object_remove(struct object *o, enum field f)
{
    struct member *m = find(o, field_name(f));
    if (m) {
        memmove(m, m + 1, (size_t)(o->m + o->n - m - 1) * sizeof *m);
        o->n--;
    }
}

void object_copy(struct arena *a, struct object *to, const struct object *from)
{
    *to = (struct object){arena_array(a, from->n, sizeof *from->m), from->n, from->n};
    if (from->n)
        memcpy(to->m, from->m, from->n * sizeof *from->m);
}

void object_print(const struct object *o, struct buf *out)
{
    buf_putc(out, '{');
    for (size_t i = 0; i < o->n; i++) {
        if (i)
            buf_putc(out, ',');
        buf_putc(out, '"');
        buf_putstr(out, o->m[i].key);
        buf_put(out, "\":", 2);
        buf_putstr(out, o->m[i].value);
    }
    buf_putc(out, '}');
}

/* ---- groups ---- */

static struct object *grown(struct arena *a, const struct object *list, size_t *cap)
{
    size_t n = *cap;
    *cap = n ? 2 * n : 8;
    struct object *o = arena_array(a, *cap, sizeof *o);
    if (n)
        memcpy(o, list, n * sizeof *o);
    return o;
}

static bool split_responses(struct group *g, struct str value, struct err *e)
{
    if (json_type(value) != JSON_ARRAY)
        return err_set(e, ERR_DATA, "\"responses\" is %s (expected an array)",
                       json_type_name(json_type(value)));
    g->has_responses = true;
    struct str v;
    size_t cap = 0;
    for (struct json_iter it = json_iter(value); json_next(&it, NULL, &v); g->n_responses++) {
        if (g->n_responses == RECORD_RESPONSES_MAX)
            return err_set(e, ERR_DATA, "\"responses\" has %zu elements (at most %d: responses)",
                           json_count(value), RECORD_RESPONSES_MAX);
        if (g->n_responses == cap)
            g->responses = grown(g->arena, g->responses, &cap);
        if (!object_split(g->arena, v, &g->responses[g->n_responses]))
            return err_set(e, ERR_DATA, "\"responses[%zu]\" is %s (expected an object)",
                           g->n_responses, json_type_name(json_type(v)));
    }
    return true;
}

/* A line that is no JSON may still show which record it was (NaN in what another program
 * printed, say): names it behind the message.  Returns false. */
static bool name_broken(struct str line, struct err *e)
{
    size_t from = str_find(line, STR("\"id\""), 0), to;
    if (from == STR_NONE)
        return false;
    for (from += 4; from < line.n && (line.p[from] == ':' || line.p[from] == ' ');)
        from++;
    if (from >= line.n || line.p[from] != '"')
        return false;
    to = str_find(line, STR("\""), ++from);
    size_t used = strlen(e->text);
    if (to != STR_NONE && to > from && utf8_valid_prefix(str_slice(line, from, to)) == to - from)
        snprintf(e->text + used, sizeof e->text - used, " (record %.*s)",
                 STR_ARG(str_slice(line, from, to)));
    return false;
}

bool group_parse(struct group *g, struct arena *arena, struct str line, struct err *e)
{
    struct str value;
    *g = (struct group){.arena = arena};
    if (str_trim(line).n == 0)
        return err_set(e, ERR_DATA, "the line is empty (expected a JSON object)");
    if (!json_check(line, &value, e)) {
        err_at(e, "not JSON: ");
        return name_broken(line, e);
    }
    if (!object_split(arena, value, &g->top))
        return err_set(e, ERR_DATA, "the line is %s (expected an object)",
                       json_type_name(json_type(value)));
    const struct str *r = object_get(&g->top, F_RESPONSES);
    return !r || json_type(*r) == JSON_NULL || split_responses(g, *r, e);
}

void group_print(const struct group *g, struct buf *out)
{
    buf_putc(out, '{');
    for (size_t i = 0; i < g->top.n; i++) {
        const struct member *m = &g->top.m[i];
        if (i)
            buf_putc(out, ',');
        buf_putc(out, '"');
        buf_putstr(out, m->key);
        buf_put(out, "\":", 2);
        if (g->has_responses && json_key_is(m->key, "responses")) {
            buf_putc(out, '[');
            for (size_t k = 0; k < g->n_responses; k++) {
                if (k)
                    buf_putc(out, ',');
                object_print(&g->responses[k], out);
            }
            buf_putc(out, ']');
        } else {
            buf_putstr(out, m->value);
        }
    }
    buf_putc(out, '}');
}

void group_set_responses(struct group *g, struct object *responses, size_t n)
{
    if (!g->has_responses)
        object_set(g->arena, &g->top, F_RESPONSES, STR("[]"));
    g->has_responses = true;
    g->responses = responses;
    g->n_responses = n;
}

/* ---- typed access ---- */

static bool wrong_type(struct str v, const char *where, enum field f, const char *want,
                       struct err *e)
{
    return err_set(e, ERR_DATA, "\"%s%s\" is %s (expected %s)", where, field_name(f),
                   json_type_name(json_type(v)), want);
}

static bool missing(const char *where, enum field f, struct err *e)
{
    return err_set(e, ERR_DATA, "\"%s%s\" is missing", where, field_name(f));
}

/* The value if it is present and not null. */
static const struct str *present(const struct object *o, enum field f, bool *has)
{
    const struct str *v = object_get(o, f);
    *has = v && json_type(*v) != JSON_NULL;
    return *has ? v : NULL;
}

bool get_string(struct arena *a, const struct object *o, const char *where, enum field f, bool *has,
                struct str *out, struct err *e)
{
    const struct str *v = present(o, f, has);
    if (!v)
        return true;
    if (json_type(*v) != JSON_STRING)
        return wrong_type(*v, where, f, "a string", e);
    *out = json_decode(a, *v);
    return true;
}

bool get_double(const struct object *o, const char *where, enum field f, bool *has, double *out,
                struct err *e)
{
    const struct str *v = present(o, f, has);
    if (!v)
        return true;
    if (json_type(*v) != JSON_NUMBER)
        return wrong_type(*v, where, f, "a number", e);
    if (!json_double(*v, out))
        return err_set(e, ERR_DATA, "\"%s%s\" is not a finite number (seen %.*s)", where,
                       field_name(f), STR_ARG(*v));
    return true;
}

bool get_count(const struct object *o, const char *where, enum field f, bool *has, uint64_t *out,
               struct err *e)
{
    const struct str *v = present(o, f, has);
    if (!v)
        return true;
    if (json_type(*v) != JSON_NUMBER || !num_parse_u64(*v, out))
        return err_set(e, ERR_DATA, "\"%s%s\" is not a whole number from 0 on (seen %.*s)", where,
                       field_name(f), STR_ARG(*v));
    return true;
}

bool need_string(struct arena *a, const struct object *o, const char *where, enum field f,
                 struct str *out, struct err *e)
{
    bool has;
    return get_string(a, o, where, f, &has, out, e) && (has || missing(where, f, e));
}

bool need_double(const struct object *o, const char *where, enum field f, double *out,
                 struct err *e)
{
    bool has;
    return get_double(o, where, f, &has, out, e) && (has || missing(where, f, e));
}

/* An array's element count, checked against the limit. */
static bool array_length(struct str v, const char *where, enum field f, size_t *n, struct err *e)
{
    if (json_type(v) != JSON_ARRAY)
        return wrong_type(v, where, f, "an array", e);
    *n = json_count(v);
    if (*n > RECORD_TOKENS_MAX)
        return err_set(e, ERR_DATA, "\"%s%s\" has %zu elements (at most %d: tokens)", where,
                       field_name(f), *n, RECORD_TOKENS_MAX);
    return true;
}

static bool bad_element(struct str v, const char *where, enum field f, size_t i, const char *want,
                        struct err *e)
{
    return err_set(e, ERR_DATA, "\"%s%s[%zu]\" is %.*s (expected %s)", where, field_name(f), i,
                   STR_ARG(v), want);
}

bool get_tokens(struct arena *a, const struct object *o, const char *where, enum field f, bool *has,
                int32_t **out, size_t *n, struct err *e)
{
    *out = NULL;
    *n = 0;
    const struct str *v = present(o, f, has);
    if (!v)
        return true;
    if (!array_length(*v, where, f, n, e))
        return false;
    *out = arena_array(a, *n, sizeof **out);
    struct str x;
    size_t i = 0;
    for (struct json_iter it = json_iter(*v); json_next(&it, NULL, &x); i++) {
        int64_t id;
        if (!json_i64(x, &id) || id < 0 || id > INT32_MAX)
            return bad_element(x, where, f, i, "a token id", e);
        (*out)[i] = (int32_t)id;
    }
    return true;
}

bool get_floats(struct arena *a, const struct object *o, const char *where, enum field f, bool *has,
                float **out, size_t *n, struct err *e)
{
    *out = NULL;
    *n = 0;
    const struct str *v = present(o, f, has);
    if (!v)
        return true;
    if (!array_length(*v, where, f, n, e))
        return false;
    *out = arena_array(a, *n, sizeof **out);
    struct str x;
    size_t i = 0;
    for (struct json_iter it = json_iter(*v); json_next(&it, NULL, &x); i++)
        if (!json_float(x, &(*out)[i]))
            return bad_element(x, where, f, i, "a finite number", e);
    return true;
}

bool get_logprobs(struct arena *a, const struct object *o, const char *where, enum field f,
                  size_t n, float **out, struct err *e)
{
    bool has;
    size_t count;
    if (!get_floats(a, o, where, f, &has, out, &count, e) || !has)
        return e->status == 0;
    if (count != n)
        return err_set(e, ERR_DATA, "\"%s%s\" has %zu elements and \"%stokens\" %zu", where,
                       field_name(f), count, where, n);
    for (size_t i = 0; i < n; i++)
        if ((*out)[i] > 0)
            return err_set(e, ERR_DATA, "\"%s%s[%zu]\" is %g (a log-probability is not above 0)",
                           where, field_name(f), i, (double)(*out)[i]);
    return true;
}

const char *response_where(struct arena *a, size_t i)
{
    char *s = arena_alloc(a, 40);
    snprintf(s, 40, "responses[%zu].", i);
    return s;
}

bool group_id(const struct group *g, struct str *id, struct err *e)
{
    bool has;
    struct arena *a = g->arena;
    if (!get_string(a, &g->top, "", F_ID, &has, id, e))
        return false;
    if (has)
        return true;
    struct str prompt;
    if (!get_string(a, &g->top, "", F_PROMPT, &has, &prompt, e))
        return false;
    if (!has) {
        const struct str *messages = object_get(&g->top, F_MESSAGES);
        if (!messages)
            return err_set(e, ERR_DATA, "\"id\", \"prompt\" and \"messages\" are all missing");
        prompt = *messages;
    }
    char *hex = arena_alloc(a, 17);
    snprintf(hex, 17, "%016llx", (unsigned long long)str_hash(prompt));
    *id = (struct str){hex, 16};
    return true;
}

uint64_t group_key(struct str id)
{
    return str_hash(id);
}

/* ---- values ---- */

struct str raw_buf(struct arena *a, const struct buf *b)
{
    return (struct str){arena_strdup(a, b->p, b->n), b->n};
}

struct str raw_string(struct arena *a, struct str s)
{
    struct buf b = {0};
    json_put_string(&b, s);
    struct str v = raw_buf(a, &b);
    buf_free(&b);
    return v;
}

struct str raw_double(struct arena *a, double v)
{
    char *text = arena_alloc(a, NUM_MAX);
    return (struct str){text, num_print_double(text, v)};
}

struct str raw_count(struct arena *a, uint64_t v)
{
    char *text = arena_alloc(a, NUM_MAX);
    return (struct str){text, (size_t)snprintf(text, NUM_MAX, "%llu", (unsigned long long)v)};
}

struct str raw_tokens(struct arena *a, const int32_t *v, size_t n)
{
    struct buf b = {0};
    buf_putc(&b, '[');
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%d", i ? "," : "", (int)v[i]);
    buf_putc(&b, ']');
    struct str s = raw_buf(a, &b);
    buf_free(&b);
    return s;
}

struct str raw_floats(struct arena *a, const float *v, size_t n)
{
    struct buf b = {0};
    buf_putc(&b, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_putc(&b, ',');
        json_put_float(&b, v[i]);
    }
    buf_putc(&b, ']');
    struct str s = raw_buf(a, &b);
    buf_free(&b);
    return s;
}

/* ---- enumerations ---- */

static const char *const verdict_names[N_VERDICTS] = {"",          "correct",       "wrong",
                                                      "no-answer", "bad-reference", "error"};

const char *verdict_name(enum verdict v)
{
    return verdict_names[v];
}

bool verdict_is_scorable(enum verdict v)
{
    return v == VERDICT_CORRECT || v == VERDICT_WRONG || v == VERDICT_NO_ANSWER;
}

bool verdict_of_name(struct str name, enum verdict *out)
{
    for (int v = VERDICT_CORRECT; v < N_VERDICTS; v++)
        if (str_is(name, verdict_names[v])) {
            *out = (enum verdict)v;
            return true;
        }
    return false;
}

static bool unknown_word(struct str s, const char *where, enum field f, const char *want,
                         struct err *e)
{
    return err_set(e, ERR_DATA, "\"%s%s\" is \"%.*s\" (expected %s)", where, field_name(f),
                   STR_ARG(s), want);
}

bool get_verdict(struct arena *a, const struct object *o, const char *where, enum field f,
                 enum verdict *out, struct err *e)
{
    bool has;
    struct str s;
    *out = VERDICT_ABSENT;
    if (!get_string(a, o, where, f, &has, &s, e))
        return false;
    return !has || verdict_of_name(s, out) ||
           unknown_word(s, where, f, "correct, wrong, no-answer, bad-reference or error", e);
}

bool get_source(struct arena *a, const struct object *o, const char *where, enum source *out,
                struct err *e)
{
    bool has;
    struct str s;
    *out = SOURCE_POLICY;
    if (!get_string(a, o, where, F_SOURCE, &has, &s, e))
        return false;
    if (has && str_is(s, "gold"))
        *out = SOURCE_GOLD;
    else if (has && !str_is(s, "policy"))
        return unknown_word(s, where, F_SOURCE, "policy or gold", e);
    return true;
}

bool get_finish(struct arena *a, const struct object *o, const char *where, enum finish *out,
                struct err *e)
{
    bool has;
    struct str s;
    *out = FINISH_ABSENT;
    if (!get_string(a, o, where, F_FINISH, &has, &s, e))
        return false;
    if (has && str_is(s, "stop"))
        *out = FINISH_STOP;
    else if (has && str_is(s, "length"))
        *out = FINISH_LENGTH;
    else if (has)
        return unknown_word(s, where, F_FINISH, "stop or length", e);
    return true;
}
