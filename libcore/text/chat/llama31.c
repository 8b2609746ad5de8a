/* llama31.c - Llama 3.1 and later: Llama 3 with a system turn that is always there
 * and begins with two dates.  "Today" is the date that stands in the template, also
 * where the template would ask a clock: the same input gives the same bytes. */
#include "text/chat_format.h"

#define CUTOFF "Cutting Knowledge Date: "
#define TODAY  "Today Date: "

static bool is_date(struct str s) /* 26 Jul 2024 */
{
    static const char form[] = "00 Aaa 0000";
    if (s.n != sizeof form - 1)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], f = form[i];
        if (f == '0' ? c < '0' || c > '9' : f == ' ' ? c != ' ' : (c | 32) < 'a' || (c | 32) > 'z')
            return false;
    }
    return true;
}

/* The date that a {% set %} of the template gives. */
static struct str default_date(const struct chat_template *t)
{
    struct str s = t->skeleton;
    for (size_t i = 0; (i = str_find(s, STR(BREAK), i)) != STR_NONE; i++) {
        size_t end = str_find(s, STR(BREAK), i + 1);
        if (end != STR_NONE && is_date(str_slice(s, i + 1, end)))
            return str_slice(s, i + 1, end);
    }
    return (struct str){"", 0};
}

static bool recognise(const struct chat_template *t, struct chat *c)
{
    struct str cutoff = template_between(t, CUTOFF, "\n"), today = default_date(t);
    if (!llama3_prints_messages(t) || !cutoff.n || !today.n ||
        !template_prints(t, TODAY HOLE "\n\n"))
        return false;
    buf_puts(&c->preamble, CUTOFF);
    buf_putstr(&c->preamble, cutoff);
    buf_puts(&c->preamble, "\n" TODAY);
    buf_putstr(&c->preamble, today);
    buf_puts(&c->preamble, "\n\n");
    return true;
}

static bool render(const struct chat *c, const struct chat_message *m, size_t n,
                   const struct chat_options *o, struct chat_text *out, struct err *e)
{
    bool has_system = chat_is(&m[0], "system");
    chat_put(out, buf_str(&c->bos));
    chat_put(out, STR("<|start_header_id|>system<|end_header_id|>\n\n"));
    chat_put(out, buf_str(&c->preamble));
    if (has_system)
        chat_put_text(out, chat_strip(m[0].content));
    chat_put(out, STR("<|eot_id|>"));
    for (size_t i = has_system; i < n; i++) {
        if (chat_is(&m[i], "tool") || chat_is(&m[i], "ipython"))
            return chat_refuse_role(&m[i], "llama31", e);
        llama3_turn(out, m[i].role, chat_strip(m[i].content));
    }
    if (o->generate)
        chat_put(out, STR("<|start_header_id|>assistant<|end_header_id|>\n\n"));
    return true;
}

const struct chat_format chat_llama31 = {
    .end = "<|eot_id|>",
    .needs = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
    .bos = true,
    .preamble = CUTOFF "December 2023\n" TODAY "26 Jul 2024\n\n",
    .recognise = recognise,
    .render = render,
};
