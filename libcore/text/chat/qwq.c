/* qwq.c - QwQ: Qwen2.5's turns without a default system text, a thought opened in the
 * assistant's turn, and earlier answers without their thoughts. */
#include "text/chat_format.h"

static bool recognise(const struct chat_template *t, struct chat *c)
{
    if (!chatml_prints_messages(t) || !template_prints(t, "<tool_response>") ||
        !template_says(t, "</think>") || template_says(t, "reasoning_content"))
        return false;
    chatml_read(t, c);
    return true;
}

static struct str answer_of(struct str content)
{
    static const char closing[] = "</think>";
    size_t close = str_rfind(content, str_of(closing));
    size_t from = close == STR_NONE ? 0 : close + sizeof closing - 1;
    return chat_strip_newlines(str_slice(content, from, content.n), true, false);
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
        else if (chat_is(&m[i], "assistant") && i + 1 < n)
            chatml_turn(out, m[i].role, answer_of(m[i].content));
        else
            chatml_turn(out, m[i].role, m[i].content);
    if (o->generate)
        chat_put(out, c->opens_thought ? STR("<|im_start|>assistant\n<think>\n")
                                       : STR("<|im_start|>assistant\n"));
    return true;
}

const struct chat_format chat_qwq = {
    .end = "<|im_end|>",
    .needs = {"<|im_start|>", "<|im_end|>"},
    .opens_thought = true,
    .recognise = recognise,
    .render = render,
};
