/* chatml.c - ChatML as it is: every message is one turn. */
#include "text/chat_format.h"

static bool recognise(const struct chat_template *t, struct chat *c)
{
    if (!chatml_prints_messages(t) || template_prints(t, "<tool_response>") ||
        template_says(t, "</think>") || template_says(t, "strip(") || template_says(t, "trim"))
        return false;
    chatml_read(t, c);
    return true;
}

static bool render(const struct chat *c, const struct chat_message *m, size_t n,
                   const struct chat_options *o, struct chat_text *out, struct err *e)
{
    (void)e;
    chat_put(out, buf_str(&c->bos));
    if (c->system.n && !chat_is(&m[0], "system"))
        chatml_turn(out, STR("system"), buf_str(&c->system));
    for (size_t i = 0; i < n; i++)
        chatml_turn(out, m[i].role, m[i].content);
    if (o->generate)
        chat_put(out, c->opens_thought ? STR("<|im_start|>assistant\n<think>\n")
                                       : STR("<|im_start|>assistant\n"));
    return true;
}

const struct chat_format chat_chatml = {
    .end = "<|im_end|>",
    .needs = {"<|im_start|>", "<|im_end|>"},
    .recognise = recognise,
    .render = render,
};
