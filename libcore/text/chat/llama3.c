/* llama3.c - Llama 3: a header before each message. */
#include "text/chat_format.h"

static bool recognise(const struct chat_template *t, struct chat *c)
{
    if (!llama3_prints_messages(t) || template_prints(t, "Cutting Knowledge Date: "))
        return false;
    c->trims = template_says(t, "trim") || template_says(t, "strip(");
    if (!template_says(t, "bos_token") && template_prints(t, "<|begin_of_text|>"))
        buf_puts(&c->bos, "<|begin_of_text|>");
    return true;
}

static bool render(const struct chat *c, const struct chat_message *m, size_t n,
                   const struct chat_options *o, struct chat_text *out, struct err *e)
{
    (void)e;
    chat_put(out, buf_str(&c->bos));
    for (size_t i = 0; i < n; i++)
        llama3_turn(out, m[i].role, c->trims ? chat_strip(m[i].content) : m[i].content);
    if (o->generate)
        chat_put(out, STR("<|start_header_id|>assistant<|end_header_id|>\n\n"));
    return true;
}

const struct chat_format chat_llama3 = {
    .end = "<|eot_id|>",
    .needs = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
    .bos = true,
    .trims = true,
    .recognise = recognise,
    .render = render,
};
