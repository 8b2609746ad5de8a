/* unit.c - units, money and degrees.
 *
 * A unit on one side only is dropped.  On both sides, units that are known must
 * measure the same thing and are converted; words that are not known say nothing.
 * Degrees alone are their number, or the angle in radians. */
#include "answer/compare.h"
#include "answer/words.h"

#include <string.h>

enum { DIMENSIONS = 24 };

struct measure {
    int power[DIMENSIONS];
    int64_t num, den;
    bool known;
};

static bool scale(struct measure *m, const struct unit *u, int power)
{
    int64_t n = power > 0 ? u->num : u->den, d = power > 0 ? u->den : u->num;
    for (int i = 0; i < (power > 0 ? power : -power); i++)
        if (__builtin_mul_overflow(m->num, n, &m->num) ||
            __builtin_mul_overflow(m->den, d, &m->den))
            return false;
    m->power[u->dimension] += power;
    return true;
}

static struct str next_word(struct str s, size_t *i)
{
    while (*i < s.n && s.p[*i] == ' ')
        ++*i;
    size_t from = *i;
    if (from < s.n && (s.p[from] == '/' || s.p[from] == '^')) {
        ++*i;
        return str_slice(s, from, *i);
    }
    while (*i < s.n && s.p[*i] != ' ' && s.p[*i] != '/' && s.p[*i] != '^')
        ++*i;
    return str_slice(s, from, *i);
}

static struct measure measure_of(struct str s)
{
    struct measure m = {.num = 1, .den = 1, .known = true};
    int sign = 1, before = 1;
    for (size_t i = 0; m.known && i < s.n;) {
        struct str w = next_word(s, &i);
        if (!w.n)
            break;
        if (str_is(w, "/")) {
            sign = -1;
            continue;
        }
        if (word_equal_fold(w, "square") || word_equal_fold(w, "sq")) {
            before = 2;
            continue;
        }
        if (word_equal_fold(w, "cubic")) {
            before = 3;
            continue;
        }
        const struct unit *u = word_unit(w);
        size_t k = i;
        int power = before;
        if (str_is(next_word(s, &k), "^")) {
            struct str p = next_word(s, &k);
            bool minus = p.n && p.p[0] == '-';
            power = p.n == (minus ? 2u : 1u) ? p.p[minus] - '0' : 99;
            power = minus ? -power : power;
            i = k;
        }
        before = 1;
        m.known = u && power >= -9 && power <= 9 && scale(&m, u, sign * power);
    }
    if (m.power[UNIT_VOLUME]) { /* a litre is a thousandth of a cubic metre */
        int p = m.power[UNIT_VOLUME];
        m.power[UNIT_VOLUME] = 0;
        m.power[UNIT_LENGTH] += 3 * p;
        if (__builtin_mul_overflow(p > 0 ? m.den : m.num, INT64_C(1000), p > 0 ? &m.den : &m.num))
            m.known = false;
    }
    m.power[UNIT_LENGTH] += 2 * m.power[UNIT_AREA] + m.power[UNIT_SPEED];
    m.power[UNIT_TIME] -= m.power[UNIT_SPEED];
    m.power[UNIT_AREA] = m.power[UNIT_SPEED] = 0;
    return m;
}

static struct node *converted(struct compare *c, struct node *x, const struct measure *m)
{
    struct node *f = node_2(c->a, OP_DIV, node_int(c->a, m->num), node_int(c->a, m->den));
    return node_2(c->a, OP_MUL, x, f);
}

/* The same words, a plural's s aside. */
static bool same_noun(struct str a, struct str b)
{
    while (a.n && a.p[a.n - 1] == 's')
        a.n--;
    while (b.n && b.p[b.n - 1] == 's')
        b.n--;
    return str_eq(a, b);
}

static bool same_quantity(struct compare *c, const struct node *g, const struct node *x)
{
    struct measure a = measure_of(g->name), b = measure_of(x->name);
    if (c->in_list && !a.known && !b.known && !same_noun(g->name, x->name))
        return false;
    if (!a.known || !b.known || str_eq(g->name, x->name))
        return compare_same(c, g->kid[0], x->kid[0]);
    if (memcmp(a.power, b.power, sizeof a.power) != 0)
        return false;
    if (a.num == b.num && a.den == b.den)
        return compare_same(c, g->kid[0], x->kid[0]);
    return value_is_constant(g->kid[0]) && value_is_constant(x->kid[0]) &&
           value_equal(c, converted(c, g->kid[0], &a), converted(c, x->kid[0], &b));
}

static bool is_percent(const struct node *x)
{
    return x->op == OP_PERCENT;
}

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    bool gu = g->op == OP_UNIT, xu = x->op == OP_UNIT;
    if (gu && xu)
        return match_of(same_quantity(c, g, x));
    if (gu != xu && is_percent(gu ? x : g) && !is_percent((gu ? g : x)->kid[0]))
        return MATCH_DIFFER; /* 28% are not 28 people */
    if (gu || xu)
        return match_of(compare_same(c, gu ? g->kid[0] : g, xu ? x->kid[0] : x));
    bool gd = g->op == OP_DEGREE, xd = x->op == OP_DEGREE;
    if (!gd && !xd)
        return MATCH_PASS;
    if (compare_same(c, gd ? g->kid[0] : g, xd ? x->kid[0] : x))
        return MATCH_EQUAL;
    return match_of(gd != xd && value_is_constant(g) && value_is_constant(x) &&
                    value_equal(c, g, x));
}

ANSWER_KIND(unit, 78, "unit", compare);
