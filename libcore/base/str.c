/* str.c - see str.h. */
#define _GNU_SOURCE /* memmem */
#include "base/str.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct str str_of(const char *cstring)
{
    return (struct str){cstring, strlen(cstring)};
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_is(struct str a, const char *cstring)
{
    return str_eq(a, str_of(cstring));
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str a, struct str prefix)
{
    return a.n >= prefix.n && str_eq(str_slice(a, 0, prefix.n), prefix);
}

bool str_ends(struct str a, struct str suffix)
{
    return a.n >= suffix.n && str_eq(str_slice(a, a.n - suffix.n, a.n), suffix);
}

struct str str_slice(struct str a, size_t from, size_t to)
{
    ASSERT(from <= to && to <= a.n);
    return (struct str){a.p ? a.p + from : a.p, to - from};
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str a)
{
    while (a.n && is_blank(a.p[a.n - 1]))
        a.n--;
    while (a.n && is_blank(a.p[0]))
        a.p++, a.n--;
    return a;
}

size_t str_find(struct str a, struct str needle, size_t from)
{
    if (from > a.n || needle.n > a.n - from)
        return STR_NONE;
    if (needle.n == 0)
        return from;
    const char *p = memmem(a.p + from, a.n - from, needle.p, needle.n);
    return p ? (size_t)(p - a.p) : STR_NONE;
}

size_t str_count(struct str a, struct str needle)
{
    size_t n = 0;
    for (size_t at = 0; (at = str_find(a, needle, at)) != STR_NONE; at += needle.n)
        n++;
    return n;
}

size_t str_rfind(struct str a, struct str needle)
{
    if (needle.n > a.n)
        return STR_NONE;
    if (needle.n == 0)
        return a.n;
    for (size_t n = a.n - needle.n + 1; n;) {
        const char *q = memrchr(a.p, needle.p[0], n);
        if (!q)
            break;
        n = (size_t)(q - a.p);
        if (memcmp(q, needle.p, needle.n) == 0)
            return n;
    }
    return STR_NONE;
}

uint64_t str_hash(struct str a)
{
    return XXH3_64bits(a.p, a.n);
}

uint32_t utf8_next(struct str s, size_t *i)
{
    const unsigned char *p = (const unsigned char *)s.p;
    unsigned c = p[(*i)++];
    if (c < 0x80)
        return c;
    unsigned need = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    if (c < 0xC2 || c > 0xF4)
        return UTF8_BAD;
    /* The second byte's range excludes overlong forms, surrogates and values past U+10FFFF. */
    unsigned lo = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned hi = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    uint32_t u = c & (0x3Fu >> need);
    for (unsigned k = 0; k < need; k++) {
        if (*i >= s.n || p[*i] < lo || p[*i] > hi)
            return UTF8_BAD;
        u = u << 6 | (p[(*i)++] & 0x3F);
        lo = 0x80, hi = 0xBF;
    }
    return u;
}

size_t utf8_put(char out[4], uint32_t u)
{
    if (u < 0x80) {
        out[0] = (char)u;
        return 1;
    }
    if (u < 0x800) {
        out[0] = (char)(0xC0 | u >> 6);
        out[1] = (char)(0x80 | (u & 0x3F));
        return 2;
    }
    if (u < 0x10000) {
        out[0] = (char)(0xE0 | u >> 12);
        out[1] = (char)(0x80 | (u >> 6 & 0x3F));
        out[2] = (char)(0x80 | (u & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | u >> 18);
    out[1] = (char)(0x80 | (u >> 12 & 0x3F));
    out[2] = (char)(0x80 | (u >> 6 & 0x3F));
    out[3] = (char)(0x80 | (u & 0x3F));
    return 4;
}

size_t utf8_valid_prefix(struct str s)
{
    size_t i = 0;
    while (i < s.n) {
        while (s.n - i >= 8) { /* eight ASCII bytes at a time */
            uint64_t w;
            memcpy(&w, s.p + i, 8);
            if (w & 0x8080808080808080u)
                break;
            i += 8;
        }
        if (i >= s.n)
            break;
        size_t at = i;
        if (utf8_next(s, &i) == UTF8_BAD)
            return at;
    }
    return s.n;
}

void buf_reserve(struct buf *b, size_t more)
{
    if (b->cap - b->n >= more)
        return;
    ASSERT(more < SIZE_MAX / 4 && b->n < SIZE_MAX / 4);
    size_t cap = b->cap ? b->cap : 256;
    while (cap < b->n + more)
        cap *= 2;
    b->p = xrealloc(b->p, cap, 1);
    b->cap = cap;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    buf_reserve(b, n);
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
}

void buf_puts(struct buf *b, const char *cstring)
{
    buf_put(b, cstring, strlen(cstring));
}

void buf_putstr(struct buf *b, struct str s)
{
    buf_put(b, s.p, s.n);
}

void buf_putc(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    buf_reserve(b, (size_t)n + 1);
    vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
    va_end(again);
    b->n += (size_t)n;
}

void buf_utf8(struct buf *b, uint32_t code_point)
{
    char c[4];
    buf_put(b, c, utf8_put(c, code_point));
}

const char *buf_cstr(struct buf *b)
{
    buf_reserve(b, 1);
    b->p[b->n] = 0;
    return b->p;
}

struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

void buf_reset(struct buf *b)
{
    b->n = 0;
}

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){0};
}
