/* json.c - see json.h.  One pass of a recursive-descent checker whose depth is
 * bounded by JSON_DEPTH_MAX, then cheap skipping over what it has accepted. */
#include "base/json.h"
#include "base/num.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- eight bytes at a time ---- */

#define BYTES(c) (0x0101010101010101u * (uint64_t)(c))

static uint64_t load8(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* The high bit of each byte that is no digit; exact in every byte. */
static uint64_t not_digits(uint64_t w)
{
    uint64_t x = w ^ BYTES('0');
    return (((x & BYTES(0x7F)) + BYTES(0x7F - 9)) | x) & BYTES(0x80);
}

/* The high bit of the first byte that is zero, and perhaps of bytes after it. */
static uint64_t zeros(uint64_t w)
{
    return (w - BYTES(1)) & ~w & BYTES(0x80);
}

/* The place of the first byte whose high bit is set (little-endian). */
static size_t first_of(uint64_t highs)
{
    return (size_t)__builtin_ctzll(highs) >> 3;
}

/* ---- checking ---- */

struct checker {
    const char *begin, *p, *end;
    uint64_t *keys; /* hashes of the keys of all open objects */
    size_t n_keys, cap_keys;
    struct err *e;
};

static bool fail(struct checker *c, const char *what)
{
    if (c->p >= c->end)
        return err_set(c->e, ERR_DATA, "byte %zu: %s (the text ends here)",
                       (size_t)(c->p - c->begin) + 1, what);
    unsigned char seen = (unsigned char)*c->p;
    if (seen >= 0x21 && seen < 0x7F)
        return err_set(c->e, ERR_DATA, "byte %zu: %s (seen '%c')", (size_t)(c->p - c->begin) + 1,
                       what, seen);
    return err_set(c->e, ERR_DATA, "byte %zu: %s (seen byte 0x%02X)", (size_t)(c->p - c->begin) + 1,
                   what, seen);
}

static void skip_space(struct checker *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
        c->p++;
}

static bool is_hex4(const char *p)
{
    for (int i = 0; i < 4; i++)
        if (!((p[i] >= '0' && p[i] <= '9') || ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'f')))
            return false;
    return true;
}

static bool check_string(struct checker *c)
{
    if (c->p >= c->end || *c->p != '"')
        return fail(c, "expected a string");
    c->p++;
    for (;;) {
        while (c->end - c->p >= 8) { /* plain ASCII */
            uint64_t w = load8(c->p);
            uint64_t stop = ((w | ((w - BYTES(0x20)) & ~w)) & BYTES(0x80)) | zeros(w ^ BYTES('"')) |
                            zeros(w ^ BYTES('\\'));
            if (stop) {
                c->p += first_of(stop);
                break;
            }
            c->p += 8;
        }
        if (c->p >= c->end)
            return fail(c, "a string is not closed");
        unsigned char ch = (unsigned char)*c->p;
        if (ch == '"') {
            c->p++;
            return true;
        }
        if (ch < 0x20)
            return fail(c, "a control character in a string must be escaped");
        if (ch == '\\') {
            if (c->end - c->p < 2 || !strchr("\"\\/bfnrtu", c->p[1]) || !c->p[1])
                return fail(c, "an escape that JSON does not have");
            if (c->p[1] == 'u') {
                if (c->end - c->p < 6 || !is_hex4(c->p + 2))
                    return fail(c, "\\u needs four hexadecimal digits");
                c->p += 6;
            } else {
                c->p += 2;
            }
        } else if (ch < 0x80) {
            c->p++;
        } else {
            struct str rest = {c->p, (size_t)(c->end - c->p)};
            size_t i = 0;
            if (utf8_next(rest, &i) == UTF8_BAD)
                return fail(c, "not UTF-8");
            c->p += i;
        }
    }
}

static bool is_digit(const struct checker *c)
{
    return c->p < c->end && (unsigned)(*c->p - '0') < 10;
}

static void skip_digits(struct checker *c)
{
    while (c->end - c->p >= 8) {
        uint64_t stop = not_digits(load8(c->p));
        if (stop) {
            c->p += first_of(stop);
            return;
        }
        c->p += 8;
    }
    while (is_digit(c))
        c->p++;
}

static bool check_number(struct checker *c)
{
    if (*c->p == '-')
        c->p++;
    if (!is_digit(c))
        return fail(c, "expected a digit");
    if (*c->p == '0')
        c->p++;
    else
        skip_digits(c);
    if (is_digit(c))
        return fail(c, "a number must not start with 0");
    if (c->p < c->end && *c->p == '.') {
        c->p++;
        if (!is_digit(c))
            return fail(c, "expected a digit after the point");
        skip_digits(c);
    }
    if (c->p < c->end && (*c->p | 32) == 'e') {
        c->p++;
        if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
            c->p++;
        if (!is_digit(c))
            return fail(c, "expected a digit in the exponent");
        skip_digits(c);
    }
    return true;
}

static bool check_word(struct checker *c, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
        return fail(c, "expected a value");
    c->p += n;
    return true;
}

static int cmp_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t key_hash(struct str raw)
{
    if (!raw.n || !memchr(raw.p, '\\', raw.n))
        return str_hash(raw);
    struct arena a = {0};
    uint64_t h = str_hash(json_decode_key(&a, raw));
    arena_free(&a);
    return h;
}

/* Keys are compared by a 64-bit hash of the decoded key: two different keys of
 * one object collide once in 2^64, and then the line is refused, not misread.
 * Small objects are compared on the way, large ones sorted at their end. */
enum { KEYS_SCANNED = 32 };

static bool check_key(struct checker *c, size_t first)
{
    const char *start = c->p + 1;
    if (!check_string(c))
        return false;
    uint64_t h = key_hash((struct str){start, (size_t)(c->p - 1 - start)});
    if (c->n_keys - first < KEYS_SCANNED)
        for (size_t i = first; i < c->n_keys; i++)
            if (c->keys[i] == h) {
                struct str key = {start, (size_t)(c->p - 1 - start)};
                return err_set(c->e, ERR_DATA, "byte %zu: the key \"%.*s\" occurs twice",
                               (size_t)(start - c->begin), STR_ARG(key));
            }
    if (c->n_keys == c->cap_keys) {
        c->cap_keys = c->cap_keys ? 2 * c->cap_keys : 64;
        c->keys = xrealloc(c->keys, c->cap_keys, sizeof *c->keys);
    }
    c->keys[c->n_keys++] = h;
    return true;
}

static bool check_keys_differ(struct checker *c, size_t first)
{
    size_t n = c->n_keys - first;
    c->n_keys = first;
    if (n <= KEYS_SCANNED)
        return true;
    uint64_t *keys = c->keys + first;
    qsort(keys, n, sizeof *keys, cmp_u64);
    for (size_t i = 1; i < n; i++)
        if (keys[i] == keys[i - 1])
            return fail(c, "an object that ends before here has a key twice");
    return true;
}

static bool check_value(struct checker *c, int depth);

static bool check_members(struct checker *c, char close, int depth)
{
    size_t first = c->n_keys;
    if (depth > JSON_DEPTH_MAX)
        return fail(c, "nested deeper than 64 levels (json-depth)");
    c->p++;
    skip_space(c);
    if (c->p < c->end && *c->p == close) {
        c->p++;
        return true;
    }
    for (;;) {
        if (close == '}') {
            if (!check_key(c, first))
                return false;
            skip_space(c);
            if (c->p >= c->end || *c->p != ':')
                return fail(c, "expected ':'");
            c->p++;
            skip_space(c);
        }
        if (!check_value(c, depth))
            return false;
        skip_space(c);
        if (c->p < c->end && *c->p == ',') {
            c->p++;
            skip_space(c);
        } else if (c->p < c->end && *c->p == close) {
            c->p++;
            return check_keys_differ(c, first);
        } else {
            return fail(c, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
        }
    }
}

static bool check_value(struct checker *c, int depth)
{
    if (c->p >= c->end)
        return fail(c, "expected a value");
    switch (*c->p) {
    case '{': return check_members(c, '}', depth + 1);
    case '[': return check_members(c, ']', depth + 1);
    case '"': return check_string(c);
    case 't': return check_word(c, "true");
    case 'f': return check_word(c, "false");
    case 'n': return check_word(c, "null");
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return check_number(c);
    default: return fail(c, "expected a value");
    }
}

bool json_check(struct str text, struct str *value, struct err *e)
{
    struct checker c = {text.p, text.p, text.p + text.n, NULL, 0, 0, e};
    skip_space(&c);
    const char *start = c.p;
    bool ok = check_value(&c, 0);
    const char *stop = c.p;
    if (ok) {
        skip_space(&c);
        if (c.p < c.end)
            ok = fail(&c, "more text after the value");
    }
    free(c.keys);
    if (ok && value)
        *value = (struct str){start, (size_t)(stop - start)};
    return ok;
}

/* ---- walking checked text ---- */

enum json_type json_type(struct str v)
{
    switch (v.n ? v.p[0] : 'n') {
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    case '"': return JSON_STRING;
    case 't':
    case 'f': return JSON_BOOL;
    case 'n': return JSON_NULL;
    default: return JSON_NUMBER;
    }
}

const char *json_type_name(enum json_type t)
{
    static const char *const names[] = {"null",     "a boolean", "a number",
                                        "a string", "an array",  "an object"};
    return names[t];
}

static const char *blank(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
    return p;
}

/* Behind the string that starts at p; its end is found by its quote, which an
 * even number of backslashes (mostly none) precedes. */
static const char *after_string(const char *p, const char *end)
{
    for (const char *q = p + 1;; q++) {
        q = memchr(q, '"', (size_t)(end - q));
        ASSERT(q); /* the text was checked */
        const char *b = q;
        while (b[-1] == '\\')
            b--;
        if ((q - b) % 2 == 0)
            return q + 1;
    }
}

static const char *after_value(const char *p, const char *end)
{
    if (*p == '"')
        return after_string(p, end);
    if (*p != '{' && *p != '[') {
        while (p < end && *p != ',' && *p != '}' && *p != ']' && *p != ' ' && *p != '\n' &&
               *p != '\t' && *p != '\r')
            p++;
        return p;
    }
    for (int depth = 0;;) {
        /* Brackets and braces are 5x and 7x; so are some letters of words. */
        for (uint64_t stop; end - p >= 8; p += 8) {
            uint64_t w = load8(p);
            stop = zeros((w & BYTES(0x50)) ^ BYTES(0x50)) | zeros(w ^ BYTES('"'));
            if (stop) {
                p += first_of(stop);
                break;
            }
        }
        char c = *p;
        if (c == '"') {
            p = after_string(p, end);
            continue;
        }
        p++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return p;
    }
}

struct json_iter json_iter(struct str value)
{
    if (json_type(value) < JSON_ARRAY)
        return (struct json_iter){NULL, NULL};
    return (struct json_iter){value.p + 1, value.p + value.n - 1};
}

bool json_next(struct json_iter *it, struct str *key, struct str *value)
{
    if (!it->p)
        return false;
    const char *p = it->p;
    while (p < it->end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r' || *p == ','))
        p++;
    if (p >= it->end)
        return false;
    struct str k = {p, 0};
    if (*it->end == '}') {
        const char *q = after_string(p, it->end);
        k = (struct str){p + 1, (size_t)(q - p) - 2};
        p = blank(blank(q) + 1);
    }
    const char *q = after_value(p, it->end);
    if (key)
        *key = k;
    if (value)
        *value = (struct str){p, (size_t)(q - p)};
    it->p = q;
    return true;
}

size_t json_count(struct str value)
{
    size_t n = 0;
    for (struct json_iter it = json_iter(value); json_next(&it, NULL, NULL);)
        n++;
    return n;
}

bool json_key_is(struct str raw, const char *name)
{
    if (!raw.n || !memchr(raw.p, '\\', raw.n))
        return str_is(raw, name);
    struct arena a = {0};
    bool same = str_is(json_decode_key(&a, raw), name);
    arena_free(&a);
    return same;
}

bool json_get(struct str object, const char *name, struct str *value)
{
    struct str key;
    if (!object.n || json_type(object) != JSON_OBJECT)
        return false;
    for (struct json_iter it = json_iter(object); json_next(&it, &key, value);)
        if (json_key_is(key, name))
            return true;
    return false;
}

bool json_bool(struct str v, bool *out)
{
    if (json_type(v) != JSON_BOOL)
        return false;
    *out = v.p[0] == 't';
    return true;
}

bool json_double(struct str v, double *out)
{
    return json_type(v) == JSON_NUMBER && num_parse_double(v, out);
}

bool json_i64(struct str v, int64_t *out)
{
    return json_type(v) == JSON_NUMBER && num_parse_i64(v, out);
}

/* Up to 19 digits and a small power of ten: decimal -> float by one rounding
 * where that is exact in double arithmetic with room to spare, else strtof. */
static bool float_fast(struct str v, float *out)
{
    static const double ten[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t i = v.p[0] == '-';
    uint64_t m = 0;
    unsigned digits = 0, places = 0;
    bool point = false;
    for (; i < v.n; i++) {
        unsigned d = (unsigned)(v.p[i] - '0');
        if (d < 10) {
            m = m * 10 + d;
            if (m)
                digits++;
            places += point;
        } else if (v.p[i] == '.') {
            point = true;
        } else {
            return false;
        }
    }
    if (digits > 15 || places > 15)
        return false;
    /* m and 10^places are exact doubles, so d is the correctly rounded double.
     * Rounding it again to float is right unless d lies within half a double
     * ulp of the middle between two floats: look at the 29 bits that go. */
    double d = (double)m / ten[places];
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    uint64_t low = bits & 0x1FFFFFFF;
    if ((low >= 0x0FFFFFFF && low <= 0x10000001) || (d != 0 && d < 0x1p-120))
        return false;
    *out = v.p[0] == '-' ? -(float)d : (float)d;
    return true;
}

bool json_float(struct str v, float *out)
{
    if (json_type(v) != JSON_NUMBER)
        return false;
    if (float_fast(v, out))
        return true;
    char text[400];
    if (v.n >= sizeof text)
        return false;
    memcpy(text, v.p, v.n);
    text[v.n] = 0;
    *out = strtof(text, NULL);
    return isfinite(*out);
}

static unsigned hex4(const char *p)
{
    unsigned u = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i];
        u = u << 4 | (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return u;
}

static struct str decode_span(struct arena *a, struct str s)
{
    if (!s.n || !memchr(s.p, '\\', s.n))
        return s;
    char *out = arena_alloc(a, s.n + 1), *o = out; /* decoding never makes text longer */
    for (size_t i = 0; i < s.n;) {
        if (s.p[i] != '\\') {
            *o++ = s.p[i++];
            continue;
        }
        char c = s.p[i + 1];
        i += 2;
        switch (c) {
        case 'b': *o++ = '\b'; break;
        case 'f': *o++ = '\f'; break;
        case 'n': *o++ = '\n'; break;
        case 'r': *o++ = '\r'; break;
        case 't': *o++ = '\t'; break;
        case 'u': {
            uint32_t u = hex4(s.p + i);
            i += 4;
            if (u >= 0xD800 && u < 0xDC00 && i + 6 <= s.n && s.p[i] == '\\' && s.p[i + 1] == 'u') {
                uint32_t low = hex4(s.p + i + 2);
                if (low >= 0xDC00 && low < 0xE000) {
                    u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
                    i += 6;
                }
            }
            if (u >= 0xD800 && u < 0xE000)
                u = 0xFFFD;
            o += utf8_put(o, u);
            break;
        }
        default: *o++ = c;
        }
    }
    return (struct str){out, (size_t)(o - out)};
}

struct str json_decode(struct arena *a, struct str value)
{
    ASSERT(json_type(value) == JSON_STRING);
    return decode_span(a, str_slice(value, 1, value.n - 1));
}

struct str json_decode_key(struct arena *a, struct str raw_key)
{
    return decode_span(a, raw_key);
}

/* ---- printing ---- */

void json_put_string(struct buf *b, struct str s)
{
    static const char hex[] = "0123456789abcdef";
    buf_reserve(b, s.n + 2);
    buf_putc(b, '"');
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        while (i < s.n && (unsigned char)s.p[i] >= 0x20 && (unsigned char)s.p[i] < 0x7F &&
               s.p[i] != '"' && s.p[i] != '\\')
            i++;
        buf_put(b, s.p + from, i - from);
        if (i >= s.n)
            break;
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x80) {
            uint32_t u = utf8_next(s, &i);
            buf_utf8(b, u == UTF8_BAD ? 0xFFFD : u);
            continue;
        }
        i++;
        switch (c) {
        case '"': buf_puts(b, "\\\""); break;
        case '\\': buf_puts(b, "\\\\"); break;
        case '\n': buf_puts(b, "\\n"); break;
        case '\r': buf_puts(b, "\\r"); break;
        case '\t': buf_puts(b, "\\t"); break;
        default: buf_put(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
        }
    }
    buf_putc(b, '"');
}

void json_put_float(struct buf *b, float v)
{
    char text[NUM_MAX];
    ASSERT(isfinite(v));
    buf_put(b, text, num_print_float(text, v));
}

void json_put_double(struct buf *b, double v)
{
    char text[NUM_MAX];
    ASSERT(isfinite(v));
    buf_put(b, text, num_print_double(text, v));
}

struct cJSON *json_tree(struct str text, struct err *e)
{
    struct str value;
    if (!json_check(text, &value, e))
        return NULL;
    struct cJSON *t = cJSON_ParseWithLength(value.p, value.n);
    if (!t)
        err_set(e, ERR_DATA, "cJSON cannot read what is valid JSON (a \\u0000 in a string?)");
    return t;
}
