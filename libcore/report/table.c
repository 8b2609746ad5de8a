/* table.c - see table.h. */
#include "report/table.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t utf8_length(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; n++)
        utf8_next(s, &i);
    return n;
}

const char *table_count(char out[32], uint64_t v)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v), k = 0;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            out[k++] = ',';
        out[k++] = digits[i];
    }
    out[k] = 0;
    return out;
}

static void end_cell(struct table *t)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->ends = xrealloc(t->ends, t->cap, sizeof *t->ends);
    }
    t->ends[t->n++] = t->text.n;
}

void table_put(struct table *t, const char *fmt, ...)
{
    char cell[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(cell, sizeof cell, fmt, ap);
    va_end(ap);
    if (n > 0)
        buf_put(&t->text, cell, (size_t)n < sizeof cell ? (size_t)n : sizeof cell - 1);
    end_cell(t);
}

void table_put_str(struct table *t, struct str s)
{
    for (size_t i = 0; i < s.n;) {
        uint32_t c = utf8_next(s, &i);
        buf_utf8(&t->text, c < 0x20 || (c >= 0x7F && c < 0xA0) ? '?' : c == UTF8_BAD ? 0xFFFD : c);
    }
    end_cell(t);
}

static struct str cell_of(const struct table *t, size_t i)
{
    size_t from = i ? t->ends[i - 1] : 0;
    return (struct str){t->text.p + from, t->ends[i] - from};
}

void table_print(const struct table *t, struct buf *out)
{
    size_t columns = strlen(t->align), *width = xcalloc(columns, sizeof *width);
    width[0] = t->first;
    for (size_t i = 0; i < t->n; i++) {
        size_t w = utf8_length(cell_of(t, i));
        if (w > width[i % columns])
            width[i % columns] = w;
    }
    size_t gap = 0; /* spaces owed, so that no line ends in one */
    for (size_t i = 0; i < t->n; i++) {
        struct str s = cell_of(t, i);
        size_t c = i % columns, pad = width[c] - utf8_length(s);
        if (t->align[c] == 'r')
            gap += pad;
        if (s.n) {
            for (; gap; gap--)
                buf_putc(out, ' ');
            buf_putstr(out, s);
        }
        gap += (t->align[c] == 'r' ? s.n ? 0 : width[c] - pad : s.n ? pad : width[c]) + 2;
        if (c + 1 == columns) {
            buf_putc(out, '\n');
            gap = 0;
        }
    }
    free(width);
}

static void csv_cell(struct str s, struct buf *out)
{
    bool quote = false;
    for (size_t i = 0; i < s.n; i++)
        quote |= s.p[i] == '"' || s.p[i] == ',' || s.p[i] == '\n' || s.p[i] == '\r';
    if (!quote) {
        buf_putstr(out, s);
        return;
    }
    buf_putc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_putc(out, '"');
        buf_putc(out, s.p[i]);
    }
    buf_putc(out, '"');
}

void table_print_csv(const struct table *t, size_t columns, struct buf *out)
{
    for (size_t i = 0; i < t->n; i++) {
        csv_cell(cell_of(t, i), out);
        buf_putc(out, (i + 1) % columns ? ',' : '\n');
    }
}

void table_free(struct table *t)
{
    buf_free(&t->text);
    free(t->ends);
    *t = (struct table){0};
}
