/* r1distill.c - DeepSeek-R1 and its distillations: no turns but marks of who
 * speaks, the system text before all of them, thoughts only of the last answer. */
#include "text/chat_format.h"

#define USER "<\xEF\xBD\x9CUser\xEF\xBD\x9C>"
#define ASSISTANT                                                                                  \
    "<\xEF\xBD\x9C"                                                                                \
    "Assistant\xEF\xBD\x9C>"
#define END                                                                                        \
    "<\xEF\xBD\x9C"                                                                                \
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"

static bool recognise(const struct chat_template *t, struct chat *c)
{
    if (!template_prints(t, USER HOLE) || !template_prints(t, ASSISTANT HOLE END) ||
        !template_says(t, "</think>"))
        return false;
    c->opens_thought = template_prints(t, ASSISTANT "<think>\n");
    return true;
}

static bool render(const struct chat *c, const struct chat_message *m, size_t n,
                   const struct chat_options *o, struct chat_text *out, struct err *e)
{
    struct str system = {"", 0};
    for (size_t i = 0; i < n; i++) /* the last one wins, wherever it stands */
        if (chat_is(&m[i], "system"))
            system = m[i].content;
    chat_put(out, buf_str(&c->bos));
    chat_put_text(out, system);
    for (size_t i = 0; i < n; i++) {
        if (chat_is(&m[i], "user")) {
            chat_put(out, STR(USER));
            chat_put_text(out, m[i].content);
        } else if (chat_is(&m[i], "assistant")) {
            size_t close = str_rfind(m[i].content, STR("</think>"));
            chat_put(out, STR(ASSISTANT));
            chat_put_text(out, close == STR_NONE
                                   ? m[i].content
                                   : str_slice(m[i].content, close + 8, m[i].content.n));
            chat_put(out, STR(END));
        } else if (!chat_is(&m[i], "system")) {
            return chat_refuse_role(&m[i], "r1distill", e);
        }
    }
    if (o->generate)
        chat_put(out, c->opens_thought ? STR(ASSISTANT "<think>\n") : STR(ASSISTANT));
    return true;
}

const struct chat_format chat_r1distill = {
    .end = END,
    .needs = {USER, ASSISTANT, END},
    .bos = true,
    .opens_thought = true,
    .recognise = recognise,
    .render = render,
};
