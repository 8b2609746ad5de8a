/* chat_common.c - what formats share; see chat_format.h. */
#include "text/chat_format.h"

bool chatml_prints_messages(const struct chat_template *t)
{
    static const char *const tokens[] = {"im_start",   "im_end",    "endoftext", "vision_start",
                                         "vision_end", "image_pad", "video_pad", NULL};
    return template_prints(t, "<|im_start|>" HOLE "\n" HOLE "<|im_end|>\n") &&
           template_prints(t, "<|im_start|>assistant\n") && template_uses_only(t, tokens);
}

void chatml_read(const struct chat_template *t, struct chat *c)
{
    buf_putstr(&c->system, template_between(t, "<|im_start|>system\n", "<|im_end|>"));
    c->opens_thought = template_prints(t, "<|im_start|>assistant\n<think>\n" BREAK);
}

void chatml_turn(struct chat_text *out, struct str role, struct str content)
{
    chat_put(out, STR("<|im_start|>"));
    chat_put_text(out, role);
    chat_put(out, STR("\n"));
    chat_put_text(out, content);
    chat_put(out, STR("<|im_end|>\n"));
}

/* Tool results that follow each other share one turn of the user. */
void chatml_tool(const struct chat_message *m, size_t n, size_t i, struct chat_text *out)
{
    if (i == 0 || !chat_is(&m[i - 1], "tool"))
        chat_put(out, STR("<|im_start|>user"));
    chat_put(out, STR("\n<tool_response>\n"));
    chat_put_text(out, m[i].content);
    chat_put(out, STR("\n</tool_response>"));
    if (i + 1 == n || !chat_is(&m[i + 1], "tool"))
        chat_put(out, STR("<|im_end|>\n"));
}

bool llama3_prints_messages(const struct chat_template *t)
{
    static const char *const tokens[] = {"begin_of_text", "start_header_id", "end_header_id",
                                         "eot_id",        "end_of_text",     "eom_id",
                                         "python_tag",    "image",           NULL};
    return template_prints(t,
                           "<|start_header_id|>" HOLE "<|end_header_id|>\n\n" HOLE "<|eot_id|>") &&
           template_prints(t, "<|start_header_id|>assistant<|end_header_id|>\n\n") &&
           template_uses_only(t, tokens);
}

void llama3_turn(struct chat_text *out, struct str role, struct str content)
{
    chat_put(out, STR("<|start_header_id|>"));
    chat_put_text(out, role);
    chat_put(out, STR("<|end_header_id|>\n\n"));
    chat_put_text(out, content);
    chat_put(out, STR("<|eot_id|>"));
}
