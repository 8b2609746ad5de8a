/* plain.c - no format: the contents one after the other and nothing else. */
#include "text/chat_format.h"

static bool recognise(const struct chat_template *t, struct chat *c)
{
    (void)t;
    (void)c;
    return false; /* what no template asks for */
}

static bool render(const struct chat *c, const struct chat_message *m, size_t n,
                   const struct chat_options *o, struct chat_text *out, struct err *e)
{
    (void)c;
    (void)o;
    (void)e;
    for (size_t i = 0; i < n; i++)
        chat_put_text(out, m[i].content);
    return true;
}

const struct chat_format chat_plain = {
    .wrap = true,
    .recognise = recognise,
    .render = render,
};
