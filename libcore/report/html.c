/* html.c - see html.h. */
#include "report/html.h"

static void put_code_point(struct buf *out, uint32_t c)
{
    switch (c) {
    case '&': buf_puts(out, "&amp;"); return;
    case '<': buf_puts(out, "&lt;"); return;
    case '>': buf_puts(out, "&gt;"); return;
    case '"': buf_puts(out, "&quot;"); return;
    case '\'': buf_puts(out, "&#39;"); return;
    case '\n':
    case '\t': buf_putc(out, (char)c); return;
    default: break;
    }
    if (c == UTF8_BAD || (c >= 0x80 && c < 0xA0) || c == 0xFFFE || c == 0xFFFF)
        c = 0xFFFD;
    else if (c < 0x20 || c == 0x7F) /* "symbol for ..." */
        c = c == 0x7F ? 0x2421 : 0x2400 + c;
    else if ((c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069))
        c = 0xFFFD; /* would reorder what stands around it */
    buf_utf8(out, c);
}

void html_put(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n;)
        put_code_point(out, utf8_next(text, &i));
}

void html_puts(struct buf *out, const char *text)
{
    html_put(out, str_of(text));
}

void html_attribute(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, " %s=\"", name);
    html_put(out, value);
    buf_putc(out, '"');
}
