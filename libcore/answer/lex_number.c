/* lex_number.c - numbers with their separators, exponents, periods and bases. */
#include "answer/lexer.h"
#include "answer/scan.h"

#include <string.h>

/* "14 {, }916" */
static size_t spaced_separator(const struct lexer *x, size_t i, size_t end)
{
    size_t k = i;
    while (at(x, k, end) == ' ')
        k++;
    if (at(x, k, end) != '{' || at(x, k + 1, end) != ',')
        return 0;
    k += 2;
    while (at(x, k, end) == ' ')
        k++;
    return at(x, k, end) == '}' ? k + 1 - i : 0;
}

/* A separator of thousands at i: its length, with *loose if it is a plain comma
 * or space, which could mean something else.  0 if there is none. */
static size_t separator(const struct lexer *x, size_t i, size_t end, bool *loose)
{
    static const struct {
        const char *s;
        bool loose;
    } marks[] = {
        {"{,}", false},
        {"{,}\\!", false},
        {",\\!\\!", false},
        {",\\!", false},
        {"\\,", false},
        {"\\ ", false},
        {"~", false},
        {"\\;", false},
        {",", true},
        {" ", true},
        {"\xc2\xa0", true},
        {"\xe2\x80\xaf", false},
        {"\xe2\x80\x89", false},
        {"{\\,}", false},
        {"\\!,\\!", false},
        {"{\\,\\!}", false},
        {"\\!", false},
        {",\\,", false},
    };
    size_t best = spaced_separator(x, i, end);
    *loose = false;
    for (size_t k = 0; k < sizeof marks / sizeof *marks && i < end; k++) {
        size_t n = strlen(marks[k].s);
        if (marks[k].s[0] == x->text.p[i] && n > best && end - i >= n &&
            memcmp(x->text.p + i, marks[k].s, n) == 0) {
            best = n;
            *loose = marks[k].loose;
        }
    }
    if (best && *loose && x->text.p[i] == ',' && (x->round || x->reading == LEX_LIST))
        return 0;
    if (best && *loose && x->text.p[i] != ',' && x->env)
        return 0;
    if (best && best >= 3 && !*loose) /* 11,\! 111: spaces after \! do not count in TeX */
        while (best < end - i && x->text.p[i + best] == ' ')
            best++;
    return best;
}

static bool group_of_three(const struct lexer *x, size_t i, size_t end)
{
    return end - i >= 3 && scan_digit(x->text.p[i]) && scan_digit(x->text.p[i + 1]) &&
           scan_digit(x->text.p[i + 2]) && !(i + 3 < end && scan_digit(x->text.p[i + 3]));
}

/* 1.234.567,89: points between thousands and a comma before the decimals. */
static size_t european(const struct lexer *x, size_t i, size_t end)
{
    size_t k = i, first = 0;
    while (k < end && scan_digit(x->text.p[k]))
        k++, first++;
    if (!first || first > 3 || x->text.p[i] == '0')
        return 0;
    size_t groups = 0;
    while (at(x, k, end) == '.' && group_of_three(x, k + 1, end))
        k += 4, groups++;
    if (groups > 1 && at(x, k, end) != ',' && !scan_digit(at(x, k, end))) /* 1.000.000 */
        return k;
    if (!groups || at(x, k, end) != ',' || !scan_digit(at(x, k + 1, end)) || x->round)
        return 0;
    k++;
    while (k < end && scan_digit(x->text.p[k]))
        k++;
    return k;
}

struct digits {
    char *p;
    size_t n;
    int32_t scale;
    uint8_t flags;
};

static void put_digit(struct lexer *x, struct digits *d, char c)
{
    if (d->n == ANSWER_DIGITS_MAX)
        x->limit = LIMIT_DIGITS;
    else
        d->p[d->n++] = c;
}

/* The integer part with its separators; returns where it ends. */
static size_t integer_part(struct lexer *x, size_t i, size_t end, struct digits *d)
{
    size_t start = i;
    while (i < end && scan_digit(x->text.p[i]))
        put_digit(x, d, x->text.p[i++]);
    struct tok *last = lexer_last(x);
    bool script = last && (last->kind == '_' || last->kind == '^'); /* \log_2 128 */
    bool spaced = false;
    while (script ? false : i - start <= 3 ? i > start && x->text.p[start] != '0' : spaced) {
        bool loose = false;
        size_t n = separator(x, i, end, &loose);
        if (!n || !group_of_three(x, i + n, end))
            break;
        for (size_t k = 0; k < 3; k++)
            put_digit(x, d, x->text.p[i + n + k]);
        i += n + 3;
        spaced = true;
        if (loose)
            d->flags |= TOK_LOOSE;
    }
    return i;
}

static size_t exponent_part(struct lexer *x, size_t i, size_t end, struct digits *d)
{
    char c = at(x, i, end);
    if ((c != 'e' && c != 'E') || !d->n)
        return i;
    size_t k = i + 1;
    bool minus = at(x, k, end) == '-';
    if (minus || at(x, k, end) == '+')
        k++;
    if (!scan_digit(at(x, k, end)))
        return i;
    int32_t e = 0;
    size_t first = k;
    while (scan_digit(at(x, k, end))) {
        if (k - first > 6)
            x->limit = LIMIT_DIGITS;
        else
            e = e * 10 + (x->text.p[k] - '0');
        k++;
    }
    if (scan_letter(at(x, k, end)))
        return i;
    d->scale += minus ? -e : e;
    d->flags |= TOK_DECIMAL;
    return k;
}

/* _2, _{12}, _{\text{two}} after a number. */
static size_t base_part(const struct lexer *x, size_t i, size_t end, int *base)
{
    static const char *const names[] = {"two",   "three", "four", "five",   "six",   "seven",
                                        "eight", "nine",  "ten",  "eleven", "twelve"};
    size_t k = i;
    if (at(x, k, end) != '_')
        return i;
    k++;
    bool braced = at(x, k, end) == '{';
    size_t stop = end;
    if (braced) {
        k++;
        stop = scan_brace(piece(x, 0, end), k - 1);
        if (stop == STR_NONE)
            return i;
    }
    struct str s = str_trim(piece(x, k, stop));
    if (braced) {
        static const char *const wraps[] = {"\\text{", "\\mathrm{", "\\textnormal{", "\\mbox{"};
        for (size_t w = 0; w < 4; w++)
            if (str_starts(s, str_of(wraps[w])) && s.p[s.n - 1] == '}')
                s = str_trim(str_slice(s, strlen(wraps[w]), s.n - 1));
        for (size_t w = 0; w < sizeof names / sizeof *names; w++)
            if (word_equal_fold(s, names[w])) {
                *base = (int)w + 2;
                return stop + 1;
            }
    }
    int v = 0;
    size_t n = 0;
    while (n < s.n && n < 3 && scan_digit(s.p[n]))
        v = v * 10 + (s.p[n++] - '0');
    if (!n || v < 2 || v > 36 || (braced && n != s.n))
        return i;
    *base = v;
    return braced ? stop + 1 : k + n;
}

/* \overline{3}, \bar{3}, \dot{3} and (3) after the point. */
static size_t period_part(const struct lexer *x, size_t i, size_t end, struct str *period)
{
    static const char *const marks[] = {"\\overline{", "\\bar{",      "\\dot{",
                                        "(",           "\\overline ", "\\bar "};
    for (size_t k = 0; k < 6; k++) {
        size_t n = strlen(marks[k]);
        if (end - i < n || memcmp(x->text.p + i, marks[k], n) != 0)
            continue;
        size_t j = i + n;
        while (scan_digit(at(x, j, end)) && (k < 4 || j == i + n))
            j++;
        if (j == i + n || j - i - n > 64 || (k < 4 && at(x, j, end) != (k < 3 ? '}' : ')')))
            return i;
        *period = piece(x, i + n, j);
        return k < 4 ? j + 1 : j;
    }
    return i;
}

/* A period begins right behind the point. */
static bool period_at(const struct lexer *x, size_t i, size_t end)
{
    struct str period;
    return period_part(x, i, end, &period) > i;
}

bool lexer_decimals(const struct lexer *x, size_t i, size_t end)
{
    return scan_digit(at(x, i, end)) || (at(x, i, end) == '\\' && period_at(x, i, end));
}

/* 0.1666... and 0.1212\ldots: the period that the last digits repeat, or nothing. */
static size_t dotted_period(const struct lexer *x, size_t i, size_t end, size_t decimals,
                            struct str *period)
{
    static const char *const dots[] = {"...", "\\ldots", "\\dots", "\\cdots", "\xe2\x80\xa6"};
    size_t after = i;
    for (size_t k = 0; k < 5 && after == i; k++) {
        size_t n = strlen(dots[k]);
        if (end - i >= n && memcmp(x->text.p + i, dots[k], n) == 0)
            after = i + n;
    }
    for (size_t n = 1; after > i && n <= 6; n++) {
        size_t need = n == 1 ? 3 : 2 * n;
        bool repeats = need <= decimals;
        for (size_t k = n; repeats && k < need; k++)
            repeats = x->text.p[i - 1 - k] == x->text.p[i - 1 - k + n];
        if (repeats) {
            *period = piece(x, i - n, i);
            return after;
        }
    }
    return i;
}

static struct str keep(struct lexer *x, const struct digits *d)
{
    return (struct str){arena_strdup(x->a, d->p, d->n), d->n};
}

size_t lexer_number(struct lexer *x, size_t i, size_t end)
{
    size_t start = i;
    struct digits d = {.p = x->digits};
    size_t euro = european(x, i, end);
    if (euro) {
        bool after = false;
        for (; i < euro; i++) {
            if (scan_digit(x->text.p[i])) {
                put_digit(x, &d, x->text.p[i]);
                d.scale -= after;
            }
            after |= x->text.p[i] == ',';
        }
        d.flags |= after ? TOK_DECIMAL : 0;
    } else {
        i = integer_part(x, i, end, &d);
        bool comma = x->reading == LEX_DECIMAL_COMMA && at(x, i, end) == ',' &&
                     !(d.flags & TOK_LOOSE);
        bool braced = end - i > 3 && memcmp(x->text.p + i, "{,}", 3) == 0;
        size_t skip = at(x, i, end) == '.' || comma ? 1 : braced ? 3 : 0;
        if (skip && (scan_digit(at(x, i + skip, end)) || (skip == 1 && period_at(x, i + 1, end)))) {
            size_t k = i + skip;
            while (scan_digit(at(x, k, end))) {
                put_digit(x, &d, x->text.p[k++]);
                d.scale--;
            }
            struct str period = {NULL, 0};
            size_t after = period_part(x, k, end, &period);
            if (after == k)
                after = dotted_period(x, k, end, k - i - skip, &period);
            if (after > k) {
                struct tok *t = lexer_push(x, T_REPEAT, start);
                t->s = keep(x, &d);
                t->scale = d.scale;
                t->t = period;
                return after;
            }
            if (k > i + skip) {
                i = k;
                d.flags |= TOK_DECIMAL;
            }
        }
        i = exponent_part(x, i, end, &d);
    }
    int base = 0;
    size_t after = d.flags & TOK_DECIMAL ? i : base_part(x, i, end, &base);
    struct tok *t = lexer_push(x, base ? T_BASE : T_NUM, start);
    t->s = keep(x, &d);
    t->scale = base ? base : d.scale;
    t->flags |= d.flags;
    return after;
}

/* 1A3_{16}: digits and capitals before a base above ten. */
size_t lexer_letter_digits(struct lexer *x, size_t i, size_t end)
{
    size_t k = i;
    while (k < end && (scan_digit(x->text.p[k]) || (x->text.p[k] >= 'A' && x->text.p[k] <= 'Z')))
        k++;
    int base = 0;
    size_t after = base_part(x, k, end, &base);
    if (after == k || base <= 10 || k - i > 64)
        return i;
    for (size_t j = i; j < k; j++)
        if (!scan_digit(x->text.p[j]) && x->text.p[j] - 'A' + 10 >= base)
            return i;
    struct tok *t = lexer_push(x, T_BASE, i);
    t->s = piece(x, i, k);
    t->scale = base;
    return after;
}
