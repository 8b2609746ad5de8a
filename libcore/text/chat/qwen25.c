/* qwen25.c - Qwen2.5: ChatML with a default system text and results of tools. */
#include "text/chat_format.h"

static bool recognise(const struct chat_template *t, struct chat *c)
{
    if (!chatml_prints_messages(t) || !template_prints(t, "<tool_response>") ||
        template_says(t, "</think>"))
        return false;
    chatml_read(t, c);
    return true;
}

static bool render(const struct chat *c, const struct chat_message *m, size_t n,
                   const struct chat_options *o, struct chat_text *out, struct err *e)
{
    (void)e;
    if (c->system.n && !chat_is(&m[0], "system"))
        chatml_turn(out, STR("system"), buf_str(&c->system));
    for (size_t i = 0; i < n; i++)
        if (chat_is(&m[i], "tool"))
            chatml_tool(m, n, i, out);
        else
            chatml_turn(out, m[i].role, m[i].content);
    if (o->generate)
        chat_put(out, STR("<|im_start|>assistant\n"));
    return true;
}

const struct chat_format chat_qwen25 = {
    .end = "<|im_end|>",
    .needs = {"<|im_start|>", "<|im_end|>"},
    .recognise = recognise,
    .render = render,
};
