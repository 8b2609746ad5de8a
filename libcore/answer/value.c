/* value.c - equality of numbers and expressions.  See compare.h. */
#include "answer/compare.h"

#include <string.h>

bool value_is_constant(const struct node *x)
{
    switch (x->op) {
    case OP_NUM:
    case OP_PI:
    case OP_E:
    case OP_I:
    case OP_BASE: return true;
    case OP_ADD:
    case OP_MUL:
    case OP_DIV:
    case OP_POW:
    case OP_NEG:
    case OP_FUNC:
    case OP_PERCENT:
    case OP_DEGREE:
    case OP_UNIT:
        for (uint32_t i = 0; i < x->n; i++)
            if (!value_is_constant(x->kid[i]))
                return false;
        return true;
    case OP_BIG: {
        struct str index = x->kid[0]->name;
        return value_is_constant(x->kid[1]) && value_is_constant(x->kid[2]) &&
               !node_has(x->kid[3], OP_CALL) && !node_has(x->kid[3], OP_BIG) &&
               node_has_name(x->kid[3], &index);
    }
    default: return false;
    }
}

bool value_is_expression(const struct node *x)
{
    switch (x->op) {
    case OP_NUM:
    case OP_NAME:
    case OP_PI:
    case OP_E:
    case OP_I:
    case OP_BASE:
    case OP_CALL:
    case OP_BIG: return true;
    case OP_ADD:
    case OP_MUL:
    case OP_DIV:
    case OP_POW:
    case OP_NEG:
    case OP_FUNC:
    case OP_PERCENT:
    case OP_DEGREE:
    case OP_UNIT:
        for (uint32_t i = 0; i < x->n; i++)
            if (!value_is_expression(x->kid[i]) &&
                !(x->op == OP_FUNC && x->kid[i]->op == OP_MATRIX))
                return false;
        return true;
    default: return false;
    }
}

struct node *value_difference(struct compare *c, struct node *l, struct node *r)
{
    return node_2(c->a, OP_ADD, l, node_1(c->a, OP_NEG, r));
}

struct node *value_substitute(struct compare *c, const struct node *x, struct str name,
                              struct node *by)
{
    if (x->op == OP_NAME && str_eq(x->name, name))
        return by;
    struct node *r = node_copy(c->a, x);
    for (uint32_t i = 0; i < x->n; i++)
        r->kid[i] = value_substitute(c, x->kid[i], name, by);
    return r;
}

/* ---- the three ways, from the cheapest ---- */

enum tri { NO, YES, UNKNOWN };

static enum tri by_exact(struct compare *c, const struct node *g, const struct node *x)
{
    struct small a, b;
    if (exact_small(g, &a) && exact_small(x, &b))
        return a.n == b.n && a.d == b.d ? YES : NO;
    if (!value_is_constant(g) || !value_is_constant(x))
        return UNKNOWN;
    mpq_t p, q;
    mpq_init(p);
    mpq_init(q);
    enum tri r = UNKNOWN;
    struct budget kept = c->budget;
    if (exact_big(&c->budget, g, p) == EV_OK && exact_big(&c->budget, x, q) == EV_OK)
        r = mpq_equal(p, q) ? YES : NO;
    else if (c->budget.limit == LIMIT_BITS)
        c->budget.limit = kept.limit; /* too long to write out: the others may tell */
    mpq_clear(p);
    mpq_clear(q);
    return r;
}

enum { MOD_POINTS = 2 };

static enum tri by_mod(struct compare *c, const struct node *g, const struct node *x)
{
    struct mod m = {.budget = &c->budget};
    for (uint64_t k = 0; k < MOD_POINTS; k++) {
        struct mod_value a, b;
        m.point = k;
        if (mod_eval(&m, g, &a) != EV_OK || mod_eval(&m, x, &b) != EV_OK)
            return UNKNOWN;
        if (a.re != b.re || a.im != b.im)
            return m.opaque ? UNKNOWN : NO;
    }
    return YES;
}

static const mpfr_prec_t precisions[] = {64, 256, 1024, 3072};

static bool has_abs(const struct node *x)
{
    if (x->op == OP_FUNC && x->func == FUNC_ABS && !value_is_constant(x))
        return true;
    for (uint32_t i = 0; i < x->n; i++)
        if (has_abs(x->kid[i]))
            return true;
    return false;
}

/* Both at one point, at rising precision, n times at most, until the enclosures
 * part.  With `domains` they differ where only one of them has a value. */
static enum tri at_point(struct compare *c, const struct node *g, const struct node *x, int point,
                         bool complex, bool domains, size_t n)
{
    struct mod m = {.budget = &c->budget, .point = (uint64_t)point + 100};
    size_t enough = point < 0 ? 2 : 1; /* further only where a value is too near zero to tell */
    enum tri r = UNKNOWN;
    for (size_t k = 0; k < n && r == UNKNOWN; k++) {
        struct ball_at at = {.budget = &c->budget,
                             .prec = precisions[k],
                             .point = point,
                             .complex = complex,
                             .mod = &m};
        struct ball a, b;
        ball_init(&a, at.prec);
        ball_init(&b, at.prec);
        enum ev ev = ball_eval(&at, g, &a);
        if (ev == EV_OK || (ev == EV_UNDEFINED && domains)) {
            enum ev first = ev;
            ev = ball_eval(&at, x, &b);
            if (domains && (ev == EV_UNDEFINED) != (first == EV_UNDEFINED))
                r = NO;
            ev = first == EV_OK ? ev : first;
        }
        if (ev == EV_OK && !ball_overlap(&a, &b))
            r = NO;
        else if (ev == EV_OK && (k + 1 == n || k >= enough) && ball_is_tight(&a) &&
                 ball_is_tight(&b))
            r = YES;
        ball_clear(&a);
        ball_clear(&b);
        if (ev == EV_FAIL || ev == EV_LIMIT)
            break;
        if (ev == EV_UNDEFINED && k + 1 < n && point >= 0)
            break;
    }
    return r;
}

/* Signs matter to roots and absolute values: points of both signs are all tried,
 * those behind the first few in low precision only. */
static enum tri by_balls(struct compare *c, const struct node *g, const struct node *x)
{
    bool complex = node_has(g, OP_I) || node_has(x, OP_I);
    if (value_is_constant(g) && value_is_constant(x))
        return at_point(c, g, x, -1, true, false, 4);
    bool domains = has_abs(g) != has_abs(x); /* ln|x| is more than ln x */
    int valid = 0;
    for (int k = 0; k < ANSWER_POINTS_TRIED; k++) {
        bool enough = valid >= ANSWER_POINTS;
        if (enough && !ball_point_is_mixed(k))
            continue;
        enum tri r = at_point(c, g, x, k, complex, domains, enough ? 1 : 3);
        if (r == NO || c->budget.limit != LIMIT_NONE)
            return r;
        valid += r == YES;
    }
    return valid >= 2 ? YES : UNKNOWN;
}

static enum tri exactly(struct compare *c, const struct node *g, const struct node *x)
{
    enum tri r = by_exact(c, g, x);
    if (r == UNKNOWN)
        r = by_mod(c, g, x);
    if (r == UNKNOWN && c->budget.limit == LIMIT_NONE)
        r = by_balls(c, g, x);
    return r;
}

/* ---- decimals ---- */

/* The literal if x is one decimal, with sign, percent or unit around it. */
static const struct node *decimal_literal(const struct node *x)
{
    while (x->op == OP_NEG || x->op == OP_UNIT || x->op == OP_PERCENT || x->op == OP_DEGREE)
        x = x->kid[0];
    return x->op == OP_NUM && x->flags & NODE_DECIMAL && x->scale < 0 ? x : NULL;
}

static bool has_decimal(const struct node *x)
{
    if (x->op == OP_NUM)
        return x->flags & NODE_DECIMAL && x->scale < 0;
    for (uint32_t i = 0; i < x->n; i++)
        if (has_decimal(x->kid[i]))
            return true;
    return false;
}

/* |a - b| at 256 bits, rounded up, and |a|, |b| rounded to nearest; false if
 * there is no such number. */
static bool distance(struct compare *c, const struct node *a, const struct node *b, mpfr_t gap,
                     mpfr_t va, mpfr_t vb)
{
    struct mod m = {.budget = &c->budget};
    struct ball_at at = {.budget = &c->budget, .prec = 256, .point = -1, .mod = &m};
    struct ball p, q;
    ball_init(&p, at.prec);
    ball_init(&q, at.prec);
    bool ok = ball_eval(&at, a, &p) == EV_OK && ball_eval(&at, b, &q) == EV_OK && p.real && q.real;
    if (ok) {
        mpfr_set(va, p.re.lo, MPFR_RNDN);
        mpfr_set(vb, q.re.lo, MPFR_RNDN);
        ball_sub(&p, &p, &q);
        iv_abs(&p.re, &p.re);
        mpfr_set(gap, p.re.hi, MPFR_RNDU);
    }
    ball_clear(&p);
    ball_clear(&q);
    return ok;
}

static size_t significant(const struct node *x)
{
    size_t lead = 0;
    while (lead < x->name.n && x->name.p[lead] == '0')
        lead++;
    return x->name.n - lead;
}

/* Rounded to that many places they are the same. */
static bool same_places(mpfr_t a, mpfr_t b, int places)
{
    mpz_t p, q;
    mpfr_t t;
    mpz_init(p);
    mpz_init(q);
    mpfr_init2(t, 320);
    mpfr_ui_pow_ui(t, 10, (unsigned long)places, MPFR_RNDN);
    mpfr_mul(a, a, t, MPFR_RNDN);
    mpfr_mul(b, b, t, MPFR_RNDN);
    bool ok = mpfr_get_exp(a) < 4096 && mpfr_get_exp(b) < 4096;
    if (ok) {
        mpfr_get_z(p, a, MPFR_RNDN);
        mpfr_get_z(q, b, MPFR_RNDN);
        ok = mpz_cmp(p, q) == 0;
    }
    mpz_clear(p);
    mpz_clear(q);
    mpfr_clear(t);
    return ok;
}

enum { /* what a decimal needs to stand for an exact value */
       PLACES_MIN = 6,
       SIGNIFICANT_MIN = 4,
};

/* A decimal that is the exact value rounded, or cut off, in its last place. */
static bool rounds_to(const struct node *literal, mpfr_t gap, mpfr_t decimal, mpfr_t exact)
{
    mpfr_t ulp;
    mpfr_init2(ulp, 64);
    mpfr_set_si(ulp, literal->scale, MPFR_RNDN);
    mpfr_exp10(ulp, ulp, MPFR_RNDN);
    bool cut = mpfr_cmpabs(decimal, exact) < 0 && mpfr_cmp(gap, ulp) < 0;
    mpfr_div_2ui(ulp, ulp, 1, MPFR_RNDU);
    bool ok = cut || mpfr_lessequal_p(gap, ulp);
    mpfr_clear(ulp);
    return ok;
}

/* Not equal exactly: equal as far as a decimal can say? */
static bool nearly(struct compare *c, const struct node *g, const struct node *x)
{
    const struct node *dg = decimal_literal(g), *dx = decimal_literal(x);
    bool places = c->o->precision > 0 && (has_decimal(g) || has_decimal(x));
    bool relative = c->o->tolerance > 0;
    bool literal = (dg && !has_decimal(x)) || (dx && !has_decimal(g));
    if ((!places && !relative && !literal) || !value_is_constant(g) || !value_is_constant(x))
        return false;
    mpfr_t gap, a, b;
    mpfr_inits2(320, gap, a, b, (mpfr_ptr)NULL);
    bool ok = false;
    if (distance(c, g, x, gap, a, b)) {
        if (relative) {
            mpfr_t t;
            mpfr_init2(t, 320);
            mpfr_mul_d(t, a, c->o->tolerance, MPFR_RNDU);
            ok = mpfr_cmpabs(gap, t) <= 0;
            mpfr_clear(t);
        }
        if (!ok && !places && literal) {
            const struct node *d = dg ? dg : dx;
            struct small whole; /* an integer is never a rounded decimal's value */
            bool integer = exact_small(dg ? x : g, &whole) && whole.d == 1;
            ok = !integer && -d->scale >= PLACES_MIN && significant(d) >= SIGNIFICANT_MIN &&
                 rounds_to(d, gap, dg ? a : b, dg ? b : a);
        }
        if (!ok && places)
            ok = same_places(a, b, c->o->precision);
    }
    mpfr_clears(gap, a, b, (mpfr_ptr)NULL);
    return ok;
}

bool value_equal(struct compare *c, const struct node *g, const struct node *x)
{
    enum tri r = exactly(c, g, x);
    if (r == UNKNOWN && c->budget.limit == LIMIT_NONE)
        return node_same(g, x);
    return r == YES || (c->budget.limit == LIMIT_NONE && nearly(c, g, x));
}

/* ---- order ---- */

bool value_order(struct compare *c, const struct node *a, const struct node *b, int *order)
{
    struct small s, t;
    if (exact_small(a, &s) && exact_small(b, &t) && s.d == 1 && t.d == 1) {
        *order = (s.n > t.n) - (s.n < t.n);
        return true;
    }
    if (!value_is_constant(a) || !value_is_constant(b))
        return false;
    if (value_equal(c, a, b)) {
        *order = 0;
        return true;
    }
    struct mod m = {.budget = &c->budget};
    bool known = false;
    for (size_t k = 0; k < 3 && !known; k++) {
        struct ball_at at = {.budget = &c->budget, .prec = precisions[k], .point = -1, .mod = &m};
        struct ball p, q;
        ball_init(&p, at.prec);
        ball_init(&q, at.prec);
        bool ok = ball_eval(&at, a, &p) == EV_OK && ball_eval(&at, b, &q) == EV_OK && p.real &&
                  q.real;
        if (ok && !iv_overlap(&p.re, &q.re)) {
            *order = mpfr_cmp(p.re.lo, q.re.lo) > 0 ? 1 : -1;
            known = true;
        }
        ball_clear(&p);
        ball_clear(&q);
        if (!ok)
            break;
    }
    return known;
}

/* ---- proportion ---- */

static enum tri ratio_by_mod(struct compare *c, const struct node *a, const struct node *b)
{
    struct mod m = {.budget = &c->budget};
    struct mod_value first = {0, 0};
    bool any = false, zero_only = true;
    for (uint64_t k = 0; k < MOD_POINTS + 1; k++) {
        struct mod_value p, q, r;
        m.point = k;
        if (mod_eval(&m, a, &p) != EV_OK || mod_eval(&m, b, &q) != EV_OK)
            return UNKNOWN;
        bool p0 = !p.re && !p.im, q0 = !q.re && !q.im;
        if (p0 && q0)
            continue;
        zero_only = false;
        if (p0 || q0 || !mod_inv2(q, &r))
            return m.opaque ? UNKNOWN : NO;
        r = mod_mul2(p, r);
        if (any && (r.re != first.re || r.im != first.im))
            return m.opaque ? UNKNOWN : NO;
        first = r;
        any = true;
    }
    return zero_only || any ? YES : UNKNOWN;
}

/* Ratios at real points; *sign from the first. */
static enum tri ratio_by_balls(struct compare *c, const struct node *a, const struct node *b,
                               int *sign, int need)
{
    struct ball first, p, q;
    mpfr_prec_t prec = 256;
    int valid = 0;
    enum tri r = UNKNOWN;
    ball_init(&first, prec);
    ball_init(&p, prec);
    ball_init(&q, prec);
    for (int k = 0; k < ANSWER_POINTS_TRIED && valid < need && r == UNKNOWN; k++) {
        struct mod m = {.budget = &c->budget, .point = (uint64_t)k + 100};
        struct ball_at at = {.budget = &c->budget, .prec = prec, .point = k, .mod = &m};
        enum ev ev = ball_eval(&at, a, &p);
        if (ev == EV_OK)
            ev = ball_eval(&at, b, &q);
        if (ev == EV_FAIL || ev == EV_LIMIT)
            break;
        if (ev != EV_OK || !ball_div(&p, &p, &q))
            continue;
        if (!valid) {
            *sign = mpfr_sgn(p.re.lo) > 0 ? 1 : mpfr_sgn(p.re.hi) < 0 ? -1 : 0;
            iv_swap(&first.re, &p.re);
            iv_swap(&first.im, &p.im);
        } else if (!ball_overlap(&first, &p)) {
            r = NO;
        }
        valid++;
    }
    if (r == UNKNOWN && valid >= need)
        r = YES;
    ball_clear(&first);
    ball_clear(&p);
    ball_clear(&q);
    return r;
}

bool value_proportional(struct compare *c, const struct node *a, const struct node *b, int *sign)
{
    *sign = 0;
    if (!value_is_expression(a) || !value_is_expression(b))
        return false;
    enum tri r = ratio_by_mod(c, a, b);
    if (r == NO || c->budget.limit != LIMIT_NONE)
        return false;
    if (r == YES) {
        int s = 0;
        if (ratio_by_balls(c, a, b, &s, 1) == YES)
            *sign = s;
        return true;
    }
    return ratio_by_balls(c, a, b, sign, ANSWER_POINTS) == YES && *sign != 0;
}
