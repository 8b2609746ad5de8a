/* screen.c - see screen.h. */
#include "task/screen.h"
#include "base/mem.h"
#include "text/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_WIDTH = 20 };

struct glyph {
    char text[12];
    unsigned char n, width;
    bool space;
    const char *sgr;
};

struct line {
    const struct screen *p;
    struct glyph *glyph;
    size_t n, cap, width, room, written;
};

/* Ranges that terminals show two columns wide (East Asian Wide, emoji). */
static bool is_wide(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x33FF},  {0x3400, 0x4DBF},
        {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xAC00, 0xD7A3},  {0xF900, 0xFAFF},
        {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F},
        {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

static struct glyph glyph_of(uint32_t c, const char *sgr)
{
    struct glyph g = {.sgr = sgr, .space = c == ' '};
    enum category category = c == UTF8_BAD ? CAT_SO : unicode_category(c);
    if (c == UTF8_BAD)
        c = 0xFFFD;
    if (category == CAT_CC && c < 0x100)
        g.n = (unsigned char)snprintf(g.text, sizeof g.text, "\\x%02x", (unsigned)c);
    else if (category == CAT_CF || category == CAT_ZL || category == CAT_ZP || category == CAT_CS)
        g.n = (unsigned char)snprintf(g.text, sizeof g.text, "<U+%04X>", (unsigned)c);
    else
        g.n = (unsigned char)utf8_put(g.text, c);
    g.width = category == CAT_MN || category == CAT_ME ? 0 : is_wide(c) ? 2 : 1;
    if (category == CAT_CC || g.text[0] == '<')
        g.width = g.n;
    return g;
}

static void put_glyphs(const struct screen *p, const struct glyph *g, size_t n)
{
    const char *style = NULL;
    for (size_t i = 0; i < n; i++) {
        if (p->colour && g[i].sgr != style) {
            buf_printf(p->out, "\033[0%s%sm", g[i].sgr ? ";" : "", g[i].sgr ? g[i].sgr : "");
            style = g[i].sgr;
        }
        buf_put(p->out, g[i].text, g[i].n);
    }
    if (style)
        buf_puts(p->out, "\033[0m");
}

/* Writes the first n glyphs as a line and drops them and `skip` more. */
static void flush(struct line *l, size_t n, size_t skip)
{
    if (!l->p->lines || l->written < l->p->lines) {
        for (size_t i = 0; i < l->p->indent && n; i++)
            buf_putc(l->p->out, ' ');
        put_glyphs(l->p, l->glyph, n);
        buf_putc(l->p->out, '\n');
    }
    l->written++;
    memmove(l->glyph, l->glyph + n + skip, (l->n - n - skip) * sizeof *l->glyph);
    l->n -= n + skip;
    l->width = 0;
    for (size_t i = 0; i < l->n; i++)
        l->width += l->glyph[i].width;
}

static void add(struct line *l, struct glyph g)
{
    if (l->room && l->width + g.width > l->room && l->n) {
        size_t at = l->n;
        if (!g.space)
            while (at && !l->glyph[at - 1].space)
                at--;
        if (g.space || at == 0) { /* nothing to break at but here */
            flush(l, l->n, 0);
            if (g.space)
                return;
        } else {
            flush(l, at - 1, 1);
        }
    }
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 256;
        l->glyph = xrealloc(l->glyph, l->cap, sizeof *l->glyph);
    }
    l->glyph[l->n++] = g;
    l->width += g.width;
}

static void end_line(struct line *l)
{
    flush(l, l->n, 0);
}

void screen_put(const struct screen *p, struct str text, const struct screen_span *spans,
                size_t n_spans)
{
    struct line l = {.p = p};
    size_t span = 0;
    if (p->width)
        l.room = p->width > p->indent + LEAST_WIDTH ? p->width - p->indent : LEAST_WIDTH;
    while (text.n && text.p[text.n - 1] == '\n')
        text.n--;
    for (size_t i = 0; i < text.n;) {
        while (span < n_spans && spans[span].end <= i)
            span++;
        const char *sgr = span < n_spans ? spans[span].sgr : NULL;
        uint32_t c = utf8_next(text, &i);
        if (c == '\n')
            end_line(&l);
        else if (c == '\t')
            do
                add(&l, glyph_of(' ', sgr));
            while (l.width % 8);
        else if (c != '\r' || i >= text.n || text.p[i] != '\n')
            add(&l, glyph_of(c, sgr));
    }
    end_line(&l);
    if (p->lines && l.written > p->lines)
        buf_printf(p->out, "%*s[... %zu more lines]\n", (int)p->indent, "", l.written - p->lines);
    free(l.glyph);
}

void screen_put_inline(const struct screen *p, struct str text, const char *sgr)
{
    if (p->colour && sgr)
        buf_printf(p->out, "\033[%sm", sgr);
    for (size_t i = 0; i < text.n;) {
        struct glyph g = glyph_of(utf8_next(text, &i), NULL);
        buf_put(p->out, g.text, g.n);
    }
    if (p->colour && sgr)
        buf_puts(p->out, "\033[0m");
}
