/* plain.c - see plain.h. */
#include "answer/plain.h"
#include "answer/scan.h"

#include <string.h>

enum { PLAIN_DIGITS = 18 };

struct cursor {
    const char *p, *end;
};

static bool eat(struct cursor *c, const char *what)
{
    size_t n = strlen(what);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, what, n) != 0)
        return false;
    c->p += n;
    return true;
}

static void spaces(struct cursor *c)
{
    while (c->p < c->end && scan_space(*c->p))
        c->p++;
}

static bool three_digits(const struct cursor *c)
{
    return c->end - c->p >= 3 && scan_digit(c->p[0]) && scan_digit(c->p[1]) &&
           scan_digit(c->p[2]) && !(c->end - c->p > 3 && scan_digit(c->p[3]));
}

static bool separator(struct cursor *c)
{
    struct cursor was = *c;
    if ((eat(c, "{,}") || eat(c, ",\\!") || eat(c, ",")) && three_digits(c))
        return true;
    *c = was;
    return false;
}

/* Digits with separators; false if there are none or too many. */
static bool integer(struct cursor *c, int64_t *out)
{
    const char *start = c->p;
    int64_t v = 0;
    int n = 0;
    for (; c->p < c->end && scan_digit(*c->p); c->p++, n++) {
        if (n == PLAIN_DIGITS)
            return false;
        v = v * 10 + (*c->p - '0');
    }
    while (n >= 1 && n <= PLAIN_DIGITS - 3 && *start != '0' &&
           (n <= 3 || c->p[-4] == ',' || c->p[-4] == '}' || c->p[-4] == '!') && separator(c)) {
        for (int k = 0; k < 3; k++)
            v = v * 10 + (*c->p++ - '0');
        n += 3;
    }
    *out = v;
    return n > 0;
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static bool fraction(struct cursor *c, struct plain *out)
{
    if (!eat(c, "\\frac{") && !eat(c, "\\dfrac{") && !eat(c, "\\tfrac{"))
        return false;
    bool minus = eat(c, "-");
    if (!integer(c, &out->num) || !eat(c, "}{") || !integer(c, &out->den) || !eat(c, "}"))
        return false;
    if (minus)
        out->num = -out->num;
    return out->den != 0;
}

static bool decimal(struct cursor *c, struct plain *out)
{
    const char *start = c->p;
    out->num = 0;
    out->den = 1;
    if (c->p < c->end && scan_digit(*c->p) && !integer(c, &out->num))
        return false;
    if (c->end - c->p > 1 && c->p[0] == '.' && scan_digit(c->p[1])) {
        out->decimal = true;
        for (c->p++; c->p < c->end && scan_digit(*c->p); c->p++) {
            if (c->p - start >= PLAIN_DIGITS)
                return false;
            out->num = out->num * 10 + (*c->p - '0');
            out->den *= 10;
        }
    }
    if (c->p == start)
        return false;
    if (!out->decimal && eat(c, "/"))
        return integer(c, &out->den) && out->den != 0;
    return true;
}

bool plain_read(struct str s, struct plain *out)
{
    struct cursor c = {s.p, s.p + s.n};
    memset(out, 0, sizeof *out);
    spaces(&c);
    bool minus = eat(&c, "-") || eat(&c, "\xe2\x88\x92");
    spaces(&c);
    if (eat(&c, "\\$") || eat(&c, "$"))
        spaces(&c);
    if (c.p == c.end || !(*c.p == '\\' ? fraction(&c, out) : decimal(&c, out)))
        return false;
    spaces(&c);
    if (eat(&c, "\\%") || eat(&c, "%"))
        out->percent = true;
    spaces(&c);
    if (eat(&c, "."))
        spaces(&c);
    if (c.p != c.end)
        return false;
    if (minus)
        out->num = -out->num;
    int64_t g = gcd(out->num < 0 ? -out->num : out->num, out->den);
    out->num /= g;
    out->den /= g;
    return true;
}

/* A denominator of twos and fives only: the decimal ends. */
static bool ends(int64_t den)
{
    while (den % 2 == 0)
        den /= 2;
    while (den % 5 == 0)
        den /= 5;
    return den == 1;
}

enum plain_answer plain_compare(const struct plain *gold, const struct plain *pred)
{
    if (gold->num == pred->num && gold->den == pred->den)
        return PLAIN_EQUAL;
    if (gold->percent != pred->percent)
        return PLAIN_UNDECIDED;
    if (gold->decimal != pred->decimal ? !ends(gold->den) || !ends(pred->den)
                                       : gold->decimal && pred->decimal)
        return PLAIN_UNDECIDED;
    return PLAIN_DIFFER;
}
