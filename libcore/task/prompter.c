/* prompter.c - see prompter.h. */
#include "task/prompter.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGES_MAX = 65536 };

struct prompter {
    struct prompter_options o;
    struct tokenizer *tokenizer;
    struct encoder *encoder;
    struct chat *chat;
    struct chat_text text;
    struct ids ids;
    struct chat_message *messages;
    size_t n, cap;
};

struct prompter *prompter_open(const char *model, const struct prompter_options *o, struct err *e)
{
    struct prompter *p = xcalloc(1, sizeof *p);
    p->o = *o;
    p->tokenizer = tokenizer_open(model, e);
    p->chat = p->tokenizer ? chat_open(model, o->chat, p->tokenizer, e) : NULL;
    if (!p->chat) {
        prompter_close(p);
        return NULL;
    }
    p->encoder = encoder_new(p->tokenizer);
    return p;
}

void prompter_close(struct prompter *p)
{
    if (!p)
        return;
    encoder_free(p->encoder);
    chat_close(p->chat);
    tokenizer_close(p->tokenizer);
    chat_text_free(&p->text);
    ids_free(&p->ids);
    free(p->messages);
    free(p);
}

const struct tokenizer *prompter_tokenizer(const struct prompter *p)
{
    return p->tokenizer;
}

const struct chat *prompter_chat(const struct prompter *p)
{
    return p->chat;
}

int32_t prompter_end(const struct prompter *p)
{
    const char *end = chat_end(p->chat);
    return end ? tokenizer_find(p->tokenizer, str_of(end)) : -1;
}

/* ---- the messages ---- */

static struct chat_message *add_message(struct prompter *p, struct str role, struct str content)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 16;
        p->messages = xrealloc(p->messages, p->cap, sizeof *p->messages);
    }
    p->messages[p->n] = (struct chat_message){.role = role, .content = content};
    return &p->messages[p->n++];
}

/* One element of `messages`.  content may be null (a turn that only calls tools). */
static bool read_message(struct prompter *p, struct arena *a, struct str value, struct err *e)
{
    char where[64];
    struct object m;
    struct str role, content = {"", 0};
    bool has;
    snprintf(where, sizeof where, "messages[%zu].", p->n);
    if (!object_split(a, value, &m))
        return err_set(e, ERR_DATA, "\"messages[%zu]\" is %s (expected an object)", p->n,
                       json_type_name(json_type(value)));
    if (!need_string(a, &m, where, F_ROLE, &role, e) ||
        !get_string(a, &m, where, F_CONTENT, &has, &content, e))
        return false;
    const struct str *calls = object_get_name(&m, "tool_calls");
    if (calls && json_type(*calls) == JSON_ARRAY && json_count(*calls))
        return err_set(e, ERR_DATA, "\"%stool_calls\": calls of tools are not supported", where);
    struct chat_message *c = add_message(p, role, has ? content : (struct str){"", 0});
    const struct str *reasoning = object_get_name(&m, "reasoning_content");
    if (reasoning && json_type(*reasoning) == JSON_STRING) {
        c->has_reasoning = true;
        c->reasoning = json_decode(a, *reasoning);
    }
    return true;
}

static bool read_messages(struct prompter *p, const struct group *g, struct err *e)
{
    const struct str *list = object_get(&g->top, F_MESSAGES);
    struct str value;
    if (json_type(*list) != JSON_ARRAY)
        return err_set(e, ERR_DATA, "\"messages\" is %s (expected an array)",
                       json_type_name(json_type(*list)));
    if (json_count(*list) > MESSAGES_MAX)
        return err_set(e, ERR_DATA, "\"messages\" has more than %d elements", MESSAGES_MAX);
    for (struct json_iter it = json_iter(*list); json_next(&it, NULL, &value);)
        if (!read_message(p, g->arena, value, e))
            return false;
    return p->n > 0 || err_set(e, ERR_DATA, "\"messages\" is empty");
}

static void put_system(struct prompter *p, struct str text)
{
    struct str role = STR("system");
    if (p->n && str_eq(p->messages[0].role, role)) {
        p->messages[0].content = text;
        return;
    }
    add_message(p, role, text);
    struct chat_message system = p->messages[p->n - 1];
    memmove(p->messages + 1, p->messages, (p->n - 1) * sizeof *p->messages);
    p->messages[0] = system;
}

static bool put_suffix(struct prompter *p, struct arena *a, struct err *e)
{
    for (size_t i = p->n; i-- > 0;) {
        struct chat_message *m = &p->messages[i];
        if (!str_is(m->role, "user"))
            continue;
        struct buf b = {0};
        buf_putstr(&b, m->content);
        buf_puts(&b, p->o.suffix);
        m->content = raw_buf(a, &b);
        buf_free(&b);
        return true;
    }
    return err_set(e, ERR_DATA, "\"messages\" has no message of the user for the suffix");
}

static bool gather(struct prompter *p, const struct group *g, struct err *e)
{
    struct str text;
    bool has_system;
    p->n = 0;
    if (!object_is_null(&g->top, F_MESSAGES)) {
        if (!read_messages(p, g, e))
            return false;
    } else {
        if (!need_string(g->arena, &g->top, "", F_PROMPT, &text, e))
            return false;
        add_message(p, STR("user"), text);
    }
    if (!get_string(g->arena, &g->top, "", F_SYSTEM, &has_system, &text, e))
        return false;
    if (has_system)
        put_system(p, text);
    else if (p->o.system && !str_is(p->messages[0].role, "system"))
        put_system(p, str_of(p->o.system));
    return !p->o.suffix || put_suffix(p, g->arena, e);
}

/* ---- text and ids ---- */

static bool take_tokens(struct prompter *p, const struct group *g, struct str *text, int32_t **ids,
                        size_t *n, struct err *e)
{
    bool has;
    if (!get_tokens(g->arena, &g->top, "", F_PROMPT_TOKENS, &has, ids, n, e))
        return false;
    if (text) {
        buf_reset(&p->text.text);
        tokenizer_decode(p->tokenizer, *ids, *n, false, &p->text.text);
        *text = raw_buf(g->arena, &p->text.text);
    }
    return true;
}

bool prompter_render(struct prompter *p, const struct group *g, struct str *text, int32_t **ids,
                     size_t *n, struct err *e)
{
    const struct chat_options o = {.generate = true, .no_thinking = p->o.no_thinking};
    if (object_is_null(&g->top, F_MESSAGES) && object_is_null(&g->top, F_PROMPT) &&
        !object_is_null(&g->top, F_PROMPT_TOKENS))
        return take_tokens(p, g, text, ids, n, e);
    chat_text_reset(&p->text);
    p->ids.n = 0;
    if (!gather(p, g, e) || !chat_render(p->chat, p->messages, p->n, &o, &p->text, e) ||
        !chat_encode(p->chat, &p->text, p->o.trust_text, p->encoder, &p->ids, e))
        return false;
    *n = p->ids.n;
    *ids = arena_array(g->arena, p->ids.n, sizeof **ids);
    if (p->ids.n)
        memcpy(*ids, p->ids.p, p->ids.n * sizeof **ids);
    if (text)
        *text = raw_buf(g->arena, &p->text.text);
    return true;
}
