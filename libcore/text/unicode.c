/* unicode.c - see unicode.h. */
#include "text/unicode.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

struct range {
    uint32_t from, to; /* inclusive */
};

#include "text/unicode_tables.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Index of the run that contains a code point. */
static size_t category_index(uint32_t code_point)
{
    size_t lo = 0, hi = COUNT(category_starts);
    while (hi - lo > 1) {
        size_t mid = (lo + hi) / 2;
        if (category_starts[mid] >> 5 <= code_point)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

enum category unicode_category(uint32_t code_point)
{
    return (enum category)(category_starts[category_index(code_point)] & 31);
}

uint32_t unicode_category_run(uint32_t from, enum category *category)
{
    size_t i = category_index(from);
    *category = (enum category)(category_starts[i] & 31);
    return i + 1 < COUNT(category_starts) ? category_starts[i + 1] >> 5 : UNICODE_END;
}

bool unicode_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool unicode_is_number(uint32_t c)
{
    return CATS_N >> unicode_category(c) & 1;
}

/* Alphabetic is letters, letter numbers, the circled and squared letters among
 * the symbols, and some of the marks; which marks does not matter here. */
bool unicode_is_alphabetic(uint32_t c)
{
    return (CATS_L | CATS_M | 1 << CAT_NL) >> unicode_category(c) & 1 ||
           (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
           (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

bool unicode_is_word(uint32_t c)
{
    return unicode_is_alphabetic(c) || (1 << CAT_ND | 1 << CAT_PC) >> unicode_category(c) & 1 ||
           c == 0x200C || c == 0x200D;
}

/* ---- composition ---- */

static bool in_ranges(const struct range *r, size_t n, uint32_t c)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (r[mid].to < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && r[lo].from <= c;
}

enum { FIRST_UNSTABLE = 0x300 }; /* below it nothing changes by itself or joins what precedes */

static bool is_unstable(uint32_t c)
{
    return c >= FIRST_UNSTABLE && in_ranges(nfc_unstable, COUNT(nfc_unstable), c);
}

static bool is_later(uint32_t c)
{
    return c >= FIRST_UNSTABLE && in_ranges(nfc_later, COUNT(nfc_later), c);
}

bool unicode_is_plainly_nfc(struct str text)
{
    for (size_t i = 0; i < text.n;) {
        if ((unsigned char)text.p[i] < 0xCC) { /* below U+0300 */
            i++;
            continue;
        }
        if (is_unstable(utf8_next(text, &i)))
            return false;
    }
    return true;
}

/* Puts a run of marks into the order of their combining classes; equal ones stay
 * in order.  Counting, since a run may be as long as the text. */
static void sort_marks(int32_t *c, size_t n, int32_t *spare)
{
    size_t first[257] = {0};
    for (size_t i = 0; i < n; i++)
        first[utf8proc_get_property(c[i])->combining_class + 1]++;
    for (size_t k = 0; k < 256; k++)
        first[k + 1] += first[k];
    for (size_t i = 0; i < n; i++)
        spare[first[utf8proc_get_property(c[i])->combining_class]++] = c[i];
    memcpy(c, spare, n * sizeof *c);
}

static void sort_all_marks(int32_t *c, size_t n, int32_t *spare)
{
    for (size_t i = 0; i < n;) {
        size_t from = i;
        while (i < n && utf8proc_get_property(c[i])->combining_class)
            i++;
        if (i - from > 1)
            sort_marks(c + from, i - from, spare);
        i += i < n;
    }
}

/* Decomposes, orders and composes.  utf8proc_map would do as much, but its
 * ordering is quadratic in the number of marks. */
static void compose(struct str cluster, struct buf *out)
{
    enum { EXPANSION = 4 }; /* of one code point, canonically, is at most 4 code points */
    int32_t stack[256], *c = stack;
    size_t cap = cluster.n * EXPANSION, n = 0;
    if (2 * cap > COUNT(stack))
        c = xmalloc(2 * cap * sizeof *c);
    for (size_t i = 0; i < cluster.n;) {
        int boundary = 0;
        utf8proc_ssize_t k = utf8proc_decompose_char(
            (int32_t)utf8_next(cluster, &i), c + n, (utf8proc_ssize_t)(cap - n),
            UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, &boundary);
        ASSERT(k >= 0 && (size_t)k <= cap - n);
        n += (size_t)k;
    }
    sort_all_marks(c, n, c + cap);
    utf8proc_ssize_t composed =
        utf8proc_normalize_utf32(c, (utf8proc_ssize_t)n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    ASSERT(composed >= 0);
    for (size_t i = 0; i < (size_t)composed; i++)
        buf_utf8(out, (uint32_t)c[i]);
    if (c != stack)
        free(c);
}

/* The text from `i` on that can only be changed as a whole: one code point with
 * the unstable ones that follow it.  Returns its end; *stable: nothing changes. */
static size_t cluster_end(struct str text, size_t i, bool *stable)
{
    uint32_t c = utf8_next(text, &i);
    *stable = !is_unstable(c);
    if (is_later(c))
        return i;
    while (i < text.n && (unsigned char)text.p[i] >= 0xCC) {
        size_t next = i;
        if (!is_unstable(utf8_next(text, &next)))
            break;
        *stable = false;
        i = next;
    }
    return i;
}

/* As many clusters as are stable, or one that is not. */
static size_t chunk_end(struct str text, size_t i, bool *stable)
{
    size_t end = cluster_end(text, i, stable);
    while (*stable && end < text.n) {
        bool also;
        size_t next = cluster_end(text, end, &also);
        if (!also)
            break;
        end = next;
    }
    return end;
}

/* Moves the spans that begin or end in a chunk of input [from, to) that has
 * become output [at, end).  *k is the first span not done yet; *open: its
 * beginning has been moved already. */
static void move_spans(struct text_span *spans, size_t n, size_t *k, bool *open,
                       struct text_span in, struct text_span out, bool stable)
{
    for (; *k < n; ++*k, *open = false) {
        struct text_span *s = &spans[*k];
        if (!*open) {
            if (s->from >= in.to)
                return;
            s->from = stable ? out.from + (s->from - in.from) : out.from;
            *open = true;
        }
        if (s->to > in.to)
            return;
        s->to = stable ? out.from + (s->to - in.from) : out.to;
    }
}

void unicode_nfc(struct str text, struct buf *out, struct text_span *spans, size_t n_spans)
{
    size_t k = 0, start = out->n;
    bool open = false;
    buf_reserve(out, text.n);
    for (size_t i = 0; i < text.n;) {
        bool stable;
        size_t end = chunk_end(text, i, &stable), at = out->n - start;
        if (stable)
            buf_put(out, text.p + i, end - i);
        else
            compose(str_slice(text, i, end), out);
        move_spans(spans, n_spans, &k, &open, (struct text_span){i, end},
                   (struct text_span){at, out->n - start}, stable);
        i = end;
    }
    for (; k < n_spans; k++) /* empty ones at the very end */
        spans[k] = (struct text_span){out->n - start, out->n - start};
}
