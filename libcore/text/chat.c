/* chat.c - choosing a format and rendering with it; see chat.h. */
#include "text/chat.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/chat_format.h"

#include <stdlib.h>
#include <string.h>

/* text/chat.list has a line X(symbol, "name") for each file of text/chat/. */
#define X(symbol, name) extern const struct chat_format chat_##symbol;
#include "text/chat.list"
#undef X

static const struct chat_format *const formats[] = {
#define X(symbol, name) &chat_##symbol,
#include "text/chat.list"
#undef X
};

static const char *const names[] = {
#define X(symbol, name) name,
#include "text/chat.list"
#undef X
    NULL};

enum { FORMATS = sizeof formats / sizeof *formats, CONFIG_MAX = 16 << 20 };

const char *const *chat_names(void)
{
    return names;
}

static const struct chat_format *find_format(const char *name)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (strcmp(names[i], name) == 0)
            return formats[i];
    return NULL;
}

const char *chat_name(const struct chat *c)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (formats[i] == c->format)
            return names[i];
    return NULL;
}

struct str chat_default_system(const struct chat *c)
{
    return buf_str(&c->system);
}

const char *chat_end(const struct chat *c)
{
    return c->format->end;
}

/* ---- choosing ---- */

static bool unknown_name(const char *name, const char *what, struct err *e)
{
    struct buf list = {0};
    for (size_t i = 0; i < FORMATS; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    if (name)
        err_set(e, ERR_USAGE, "no chat format is called %s (there are %s)", name, buf_cstr(&list));
    else
        err_set(e, ERR_DATA, "%s: choose one with --chat (%s)", what, buf_cstr(&list));
    buf_free(&list);
    return false;
}

static bool choose(struct chat *c, const struct chat_template *t, struct str bos, const char *name,
                   struct err *e)
{
    bool recognised = false;
    if (name && !(c->format = find_format(name)))
        return unknown_name(name, NULL, e);
    for (size_t i = 0; t->source.n && i < FORMATS && !recognised; i++) {
        if (c->format && c->format != formats[i])
            continue;
        recognised = formats[i]->recognise(t, c);
        c->format = recognised ? formats[i] : c->format;
    }
    if (!c->format && t->source.n)
        return unknown_name(NULL, "the chat template is of no known format", e);
    if (!c->format)
        c->format = find_format("plain");
    if (!recognised) {
        c->trims = c->format->trims;
        c->opens_thought = c->format->opens_thought;
        buf_puts(&c->preamble, c->format->preamble ? c->format->preamble : "");
    }
    if (recognised ? template_says(t, "bos_token") : c->format->bos)
        buf_putstr(&c->bos, bos);
    return true;
}

struct chat *chat_parse(struct str source, struct str bos, const char *name, struct err *e)
{
    struct chat *c = xcalloc(1, sizeof *c);
    struct buf skeleton = {0};
    bool ok = true;
    if (source.n > CHAT_TEMPLATE_MAX)
        ok = err_set(e, ERR_DATA, "a chat template of more than %d bytes (chat-template)",
                     CHAT_TEMPLATE_MAX);
    if (ok) {
        chat_skeleton(source, &skeleton);
        ok = choose(c, &(struct chat_template){source, buf_str(&skeleton)}, bos, name, e);
    }
    buf_free(&skeleton);
    if (!ok) {
        chat_close(c);
        return NULL;
    }
    return c;
}

void chat_close(struct chat *c)
{
    if (!c)
        return;
    buf_free(&c->system);
    buf_free(&c->bos);
    buf_free(&c->preamble);
    free(c);
}

/* ---- a model directory ---- */

/* A string, or an object (of an added token) with a content. */
static struct str token_text(struct str value, struct arena *a)
{
    struct str content = value;
    if (json_type(value) == JSON_OBJECT && !json_get(value, "content", &content))
        return (struct str){0};
    return json_type(content) == JSON_STRING ? json_decode(a, content) : (struct str){0};
}

/* One template, or several with names, of which "default" is meant. */
static struct str template_text(struct str value, struct arena *a)
{
    struct str entry, name, text;
    if (json_type(value) == JSON_STRING)
        return json_decode(a, value);
    if (json_type(value) != JSON_ARRAY)
        return (struct str){0};
    for (struct json_iter it = json_iter(value); json_next(&it, NULL, &entry);)
        if (json_type(entry) == JSON_OBJECT && json_get(entry, "name", &name) &&
            json_type(name) == JSON_STRING && str_is(json_decode(a, name), "default") &&
            json_get(entry, "template", &text) && json_type(text) == JSON_STRING)
            return json_decode(a, text);
    return (struct str){0};
}

static bool read_config(const char *dir, struct buf *file, struct arena *a, struct str *source,
                        struct str *bos, struct err *e)
{
    char *path = path_join(dir, "tokenizer_config.json");
    struct str root, value;
    bool ok = true;
    if (file_exists(path, e)) {
        ok = file_read(path, CONFIG_MAX, file, e);
        if (ok && !json_check(buf_str(file), &root, e))
            ok = err_at(e, "%s: ", path);
        if (ok && json_type(root) == JSON_OBJECT) {
            *bos = json_get(root, "bos_token", &value) ? token_text(value, a) : *bos;
            *source = json_get(root, "chat_template", &value) ? template_text(value, a) : *source;
        }
    }
    free(path);
    return ok && !e->status;
}

/* The file of its own wins over the member of the config. */
static bool read_template_file(const char *dir, struct buf *file, struct str *source, struct err *e)
{
    char *path = path_join(dir, "chat_template.jinja");
    if (file_exists(path, e) && file_read(path, CHAT_TEMPLATE_MAX, file, e))
        *source = buf_str(file);
    free(path);
    return e->status == 0;
}

static bool has_tokens(const struct chat *c, const struct tokenizer *t, struct err *e)
{
    for (size_t i = 0; i < sizeof c->format->needs / sizeof *c->format->needs; i++) {
        const char *token = c->format->needs[i];
        if (token && tokenizer_find(t, str_of(token)) < 0)
            return err_set(e, ERR_DATA, "chat format %s: the tokenizer has no token %s",
                           chat_name(c), token);
    }
    return true;
}

struct chat *chat_open(const char *dir, const char *name, const struct tokenizer *t, struct err *e)
{
    struct buf config = {0}, file = {0};
    struct str source = {0}, bos = {0};
    struct arena a = {0};
    struct chat *c = NULL;
    if (read_config(dir, &config, &a, &source, &bos, e) &&
        read_template_file(dir, &file, &source, e)) {
        c = chat_parse(source, bos, name, e);
        if (c && !has_tokens(c, t, e)) {
            chat_close(c);
            c = NULL;
        }
        if (!c && e->status == ERR_DATA)
            err_at(e, "%s: ", dir);
    }
    arena_free(&a);
    buf_free(&config);
    buf_free(&file);
    return c;
}

/* ---- rendering ---- */

enum { ROLE_MAX = 32 };

/* A role stands in the markup, so it is a word and nothing else. */
static bool is_role(struct str role)
{
    for (size_t i = 0; i < role.n; i++) {
        char c = role.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return role.n > 0 && role.n <= ROLE_MAX;
}

bool chat_render(const struct chat *c, const struct chat_message *m, size_t n,
                 const struct chat_options *o, struct chat_text *out, struct err *e)
{
    if (n == 0)
        return err_set(e, ERR_DATA, "no messages");
    for (size_t i = 0; i < n; i++)
        if (!is_role(m[i].role))
            return err_set(e, ERR_DATA, "message %zu: a role is one short word (seen \"%.*s\")",
                           i + 1, STR_ARG(m[i].role));
    return c->format->render(c, m, n, o, out, e);
}

bool chat_encode(const struct chat *c, const struct chat_text *text, bool trust, struct encoder *x,
                 struct ids *ids, struct err *e)
{
    unsigned flags = c->format->wrap ? ENCODE_WRAP : 0;
    return encoder_run_spans(x, buf_str(&text->text), text->spans, trust ? 0 : text->n, flags, ids,
                             e);
}

/* ---- for the formats ---- */

void chat_text_reset(struct chat_text *t)
{
    buf_reset(&t->text);
    t->n = 0;
}

void chat_text_free(struct chat_text *t)
{
    buf_free(&t->text);
    free(t->spans);
    *t = (struct chat_text){0};
}

void chat_put(struct chat_text *out, struct str markup)
{
    buf_putstr(&out->text, markup);
}

void chat_put_text(struct chat_text *out, struct str from_user)
{
    size_t from = out->text.n;
    if (from_user.n == 0)
        return;
    buf_putstr(&out->text, from_user);
    if (out->n == out->cap) {
        out->cap = out->cap ? 2 * out->cap : 16;
        out->spans = xrealloc(out->spans, out->cap, sizeof *out->spans);
    }
    out->spans[out->n++] = (struct text_span){from, out->text.n};
}

bool chat_is(const struct chat_message *m, const char *role)
{
    return str_is(m->role, role);
}

bool chat_refuse_role(const struct chat_message *m, const char *format, struct err *e)
{
    return err_set(e, ERR_DATA, "chat format %s has no role \"%.*s\"", format, STR_ARG(m->role));
}

struct str chat_strip_newlines(struct str s, bool left, bool right)
{
    while (right && s.n && s.p[s.n - 1] == '\n')
        s.n--;
    while (left && s.n && s.p[0] == '\n')
        s = str_slice(s, 1, s.n);
    return s;
}

/* Python's white space is Unicode's and the four separators U+001C to U+001F. */
static bool is_python_space(uint32_t c)
{
    return unicode_is_space(c) || (c >= 0x1C && c <= 0x1F);
}

struct str chat_strip(struct str s)
{
    size_t from = 0, to = 0;
    bool begun = false;
    for (size_t i = 0; i < s.n;) {
        size_t at = i;
        if (is_python_space(utf8_next(s, &i)))
            continue;
        from = begun ? from : at;
        begun = true;
        to = i;
    }
    return str_slice(s, from, to);
}
