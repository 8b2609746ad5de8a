/* qwen3.c - Qwen3: thoughts are shown only behind the last question of the user,
 * and the assistant's turn may begin with a thought that is already closed. */
#include "text/chat_format.h"

static bool recognise(const struct chat_template *t, struct chat *c)
{
    if (!chatml_prints_messages(t) || !template_prints(t, "<tool_response>") ||
        !template_says(t, "</think>") || !template_says(t, "reasoning_content"))
        return false;
    chatml_read(t, c);
    return true;
}

/* The last message of the user that is not the result of a tool in disguise;
 * without one, all turns of the assistant count as old. */
static size_t last_question(const struct chat_message *m, size_t n)
{
    for (size_t i = n; i-- > 0;)
        if (chat_is(&m[i], "user") && !(str_starts(m[i].content, STR("<tool_response>")) &&
                                        str_ends(m[i].content, STR("</tool_response>"))))
            return i;
    return n - 1;
}

/* A thought is given beside the content or stands in it. */
static void split_thought(const struct chat_message *m, struct str *thought, struct str *content)
{
    static const char opening[] = "<think>", closing[] = "</think>";
    *thought = (struct str){"", 0};
    *content = m->content;
    size_t close = str_find(m->content, STR("</think>"), 0);
    if (m->has_reasoning) {
        *thought = m->reasoning;
    } else if (close != STR_NONE) {
        struct str before = chat_strip_newlines(str_slice(m->content, 0, close), false, true);
        size_t open = str_rfind(before, str_of(opening));
        if (open != STR_NONE)
            before = str_slice(before, open + sizeof opening - 1, before.n);
        *thought = chat_strip_newlines(before, true, false);
        size_t last = str_rfind(m->content, str_of(closing)) + sizeof closing - 1;
        *content = chat_strip_newlines(str_slice(m->content, last, m->content.n), true, false);
    }
}

static void assistant_turn(const struct chat_message *m, bool recent, bool last,
                           struct chat_text *out)
{
    struct str thought, content;
    split_thought(m, &thought, &content);
    chat_put(out, STR("<|im_start|>assistant\n"));
    if (recent && (last || thought.n)) {
        chat_put(out, STR("<think>\n"));
        chat_put_text(out, chat_strip_newlines(thought, true, true));
        chat_put(out, STR("\n</think>\n\n"));
        content = chat_strip_newlines(content, true, false);
    }
    chat_put_text(out, content);
    chat_put(out, STR("<|im_end|>\n"));
}

static bool render(const struct chat *c, const struct chat_message *m, size_t n,
                   const struct chat_options *o, struct chat_text *out, struct err *e)
{
    size_t question = last_question(m, n);
    for (size_t i = 0; i < n; i++) {
        if (chat_is(&m[i], "user") || chat_is(&m[i], "system"))
            chatml_turn(out, m[i].role, m[i].content);
        else if (chat_is(&m[i], "assistant"))
            assistant_turn(&m[i], i > question, i + 1 == n, out);
        else if (chat_is(&m[i], "tool"))
            chatml_tool(m, n, i, out);
        else
            return chat_refuse_role(&m[i], "qwen3", e);
    }
    if (o->generate) {
        chat_put(out, STR("<|im_start|>assistant\n"));
        if (c->opens_thought)
            chat_put(out, STR("<think>\n"));
        else if (o->no_thinking)
            chat_put(out, STR("<think>\n\n</think>\n\n"));
    }
    return true;
}

const struct chat_format chat_qwen3 = {
    .end = "<|im_end|>",
    .needs = {"<|im_start|>", "<|im_end|>"},
    .recognise = recognise,
    .render = render,
};
