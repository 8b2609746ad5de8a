/* fuzz_chat.c - templates and conversations: recognising ends, spans lie in the text
 * they were rendered into, and nothing in them becomes a token of the tokenizer's.
 *
 * Bytes: format or template, flags, then messages divided by 0xFF, of which the
 * first byte is the role.  A template takes all bytes behind the first. */
#include "base/mem.h"
#include "text/chat.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGES_MAX = 12 };

static struct tokenizer *t;
static struct encoder *x;

static void render(struct chat *c, unsigned flags, const struct chat_message *m, size_t n)
{
    struct err e = ERR_NONE;
    struct chat_text text = {0};
    struct ids ids = {0};
    struct chat_options o = {.generate = flags & 1, .no_thinking = flags & 2};
    bool ok = chat_render(c, m, n, &o, &text, &e);
    ASSERT(ok == (e.status == 0));
    size_t at = 0, outside = 0;
    for (size_t i = 0; ok && i < text.n; i++) {
        ASSERT(text.spans[i].from >= at && text.spans[i].to >= text.spans[i].from);
        outside += text.spans[i].from - at;
        at = text.spans[i].to;
    }
    ASSERT(at <= text.text.n);
    outside += text.text.n - at;
    e.status = 0;
    if (ok && chat_encode(c, &text, false, x, &ids, &e)) {
        size_t markup = 0; /* bytes of control tokens; they all come from the format */
        for (size_t i = 0; i < ids.n; i++)
            markup += tokenizer_is_special(t, ids.p[i]) ? strlen("<|im_end|>") : 0;
        ASSERT(markup <= outside || strcmp(chat_name(c), "plain") == 0);
    }
    chat_text_free(&text);
    ids_free(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool", "x y"};
    struct err e = ERR_NONE;
    if (!t) {
        t = tokenizer_open("testdata/tokenizer", &e);
        ASSERT(t != NULL);
        x = encoder_new(t);
    }
    if (n < 2)
        return 0;
    size_t formats = 0;
    while (chat_names()[formats])
        formats++;
    unsigned kind = data[0] % (formats + 1), flags = data[1];
    struct str rest = {(const char *)data + 1, n - 1};
    struct chat *c = kind == formats ? chat_parse(rest, STR("<s>"), NULL, &e)
                                     : chat_parse(STR(""), STR(""), chat_names()[kind], &e);
    ASSERT((c != NULL) == (e.status == 0));
    struct chat_message m[MESSAGES_MAX];
    size_t count = 0;
    for (size_t i = 2; c && i < n && count < MESSAGES_MAX;) {
        size_t end = i + 1;
        while (end < n && data[end] != 0xFF)
            end++;
        struct str content = {(const char *)data + i + 1, end - i - 1};
        m[count++] = (struct chat_message){.role = str_of(roles[data[i] % 5]),
                                           .content = content,
                                           .reasoning = content,
                                           .has_reasoning = data[i] & 0x80};
        i = end + 1;
    }
    if (c)
        render(c, flags, m, count);
    chat_close(c);
    return 0;
}
