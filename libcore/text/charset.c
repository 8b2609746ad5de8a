/* charset.c - see charset.h. */
#include "text/charset.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void charset_add(struct charset *s, uint32_t from, uint32_t to)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 8;
        s->r = xrealloc(s->r, s->cap, sizeof *s->r);
    }
    s->r[s->n++] = (struct interval){from, to};
}

static int by_start(const void *a, const void *b)
{
    const struct interval *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

void charset_normalise(struct charset *s)
{
    if (s->n == 0)
        return;
    qsort(s->r, s->n, sizeof *s->r, by_start);
    size_t k = 0;
    for (size_t i = 1; i < s->n; i++)
        if (s->r[i].from <= s->r[k].to + 1)
            s->r[k].to = s->r[i].to > s->r[k].to ? s->r[i].to : s->r[k].to;
        else
            s->r[++k] = s->r[i];
    s->n = k + 1;
}

void charset_complement(struct charset *s)
{
    charset_normalise(s);
    struct charset out = {0};
    uint32_t next = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->r[i].from > next)
            charset_add(&out, next, s->r[i].from - 1);
        next = s->r[i].to + 1;
    }
    if (next < UNICODE_END)
        charset_add(&out, next, UNICODE_END - 1);
    charset_free(s);
    *s = out;
}

void charset_add_all(struct charset *s, const struct charset *other)
{
    for (size_t i = 0; i < other->n; i++)
        charset_add(s, other->r[i].from, other->r[i].to);
}

bool charset_has(const struct charset *s, uint32_t c)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->r[mid].to < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->n && s->r[lo].from <= c;
}

void charset_add_categories(struct charset *s, unsigned categories)
{
    enum category c;
    for (uint32_t from = 0, to; from < UNICODE_END; from = to) {
        to = unicode_category_run(from, &c);
        if (categories >> c & 1)
            charset_add(s, from, to - 1);
    }
}

void charset_add_matching(struct charset *s, bool (*has)(uint32_t), uint32_t end)
{
    for (uint32_t c = 0; c < end; c++)
        if (has(c))
            charset_add(s, c, c);
}

void charset_fold(struct charset *s)
{
    charset_normalise(s);
    for (uint32_t c = 'a'; c <= 'z'; c++) {
        bool has = charset_has(s, c) || charset_has(s, c - 32) ||
                   (c == 's' && charset_has(s, 0x17F)) || (c == 'k' && charset_has(s, 0x212A));
        if (!has)
            continue;
        charset_add(s, c, c);
        charset_add(s, c - 32, c - 32);
        if (c == 's')
            charset_add(s, 0x17F, 0x17F);
        if (c == 'k')
            charset_add(s, 0x212A, 0x212A);
        charset_normalise(s);
    }
}

bool charset_equal(const struct charset *a, const struct charset *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->r, b->r, a->n * sizeof *a->r) == 0);
}

void charset_free(struct charset *s)
{
    free(s->r);
    *s = (struct charset){0};
}
