/* ball.c - enclosures of real and complex values.  See eval.h.
 *
 * Branches: an odd root of a negative number is the negative real root; even
 * roots and logarithms of negative numbers are complex for constants and where
 * i occurs, and outside the domain where they depend on variables. */
#include "answer/eval.h"

#include <string.h>

struct bound_real {
    struct str name;
    long value;
    const struct bound_real *next;
};

void ball_init(struct ball *b, mpfr_prec_t prec)
{
    iv_init(&b->re, prec);
    iv_init(&b->im, prec);
    iv_set_si(&b->im, 0);
    b->real = true;
}

void ball_clear(struct ball *b)
{
    iv_clear(&b->re);
    iv_clear(&b->im);
}

static void settle(struct ball *b)
{
    b->real = iv_is_zero(&b->im);
}

bool ball_overlap(const struct ball *a, const struct ball *b)
{
    return iv_overlap(&a->re, &b->re) && iv_overlap(&a->im, &b->im);
}

static bool tight(const struct iv *a, const struct iv *other)
{
    mpfr_t w, s;
    mpfr_init2(w, 32);
    mpfr_init2(s, 32);
    mpfr_sub(w, a->hi, a->lo, MPFR_RNDU);
    mpfr_abs(s, a->hi, MPFR_RNDD);
    if (mpfr_cmpabs(a->lo, a->hi) > 0)
        mpfr_abs(s, a->lo, MPFR_RNDD);
    if (mpfr_cmpabs(other->hi, s) > 0)
        mpfr_abs(s, other->hi, MPFR_RNDD);
    bool ok = mpfr_zero_p(w);
    if (!ok) { /* 60 bits of the value, or of 2^-200 where it is that small */
        if (mpfr_zero_p(s) || mpfr_get_exp(s) < -200)
            ok = mpfr_get_exp(w) < -260;
        else
            ok = mpfr_get_exp(w) + 50 < mpfr_get_exp(s);
    }
    mpfr_clear(w);
    mpfr_clear(s);
    return ok;
}

bool ball_is_tight(const struct ball *a)
{
    return tight(&a->re, &a->im) && (a->real || tight(&a->im, &a->re));
}

/* ---- complex arithmetic ---- */

static void ball_set(struct ball *r, const struct ball *a)
{
    iv_set(&r->re, &a->re);
    iv_set(&r->im, &a->im);
    r->real = a->real;
}

static void ball_add(struct ball *r, const struct ball *a, const struct ball *b)
{
    iv_add(&r->re, &a->re, &b->re);
    r->real = a->real && b->real;
    if (!r->real)
        iv_add(&r->im, &a->im, &b->im);
}

void ball_sub(struct ball *r, const struct ball *a, const struct ball *b)
{
    iv_sub(&r->re, &a->re, &b->re);
    r->real = a->real && b->real;
    if (!r->real)
        iv_sub(&r->im, &a->im, &b->im);
}

void ball_mul(struct ball *r, const struct ball *a, const struct ball *b)
{
    if (a->real && b->real) {
        iv_mul(&r->re, &a->re, &b->re);
        r->real = true;
        return;
    }
    struct iv s, t, u;
    mpfr_prec_t prec = mpfr_get_prec(r->re.lo);
    iv_init(&s, prec);
    iv_init(&t, prec);
    iv_init(&u, prec);
    iv_mul(&s, &a->re, &b->re);
    iv_mul(&t, &a->im, &b->im);
    iv_sub(&u, &s, &t);
    iv_mul(&s, &a->re, &b->im);
    iv_mul(&t, &a->im, &b->re);
    iv_add(&r->im, &s, &t);
    iv_swap(&r->re, &u);
    settle(r);
    iv_clear(&s);
    iv_clear(&t);
    iv_clear(&u);
}

bool ball_div(struct ball *r, const struct ball *a, const struct ball *b)
{
    if (a->real && b->real) {
        r->real = true;
        return iv_div(&r->re, &a->re, &b->re);
    }
    mpfr_prec_t prec = mpfr_get_prec(r->re.lo);
    struct ball c;
    struct iv norm, t;
    ball_init(&c, prec);
    iv_init(&norm, prec);
    iv_init(&t, prec);
    iv_pow_si(&norm, &b->re, 2);
    iv_pow_si(&t, &b->im, 2);
    iv_add(&norm, &norm, &t);
    iv_set(&c.re, &b->re);
    iv_neg(&c.im, &b->im);
    settle(&c);
    bool ok = iv_div(&c.re, &c.re, &norm) && iv_div(&c.im, &c.im, &norm);
    if (ok)
        ball_mul(r, a, &c);
    ball_clear(&c);
    iv_clear(&norm);
    iv_clear(&t);
    return ok;
}

static void modulus(struct iv *r, const struct ball *a)
{
    if (a->real) {
        iv_abs(r, &a->re);
        return;
    }
    struct iv t;
    iv_init(&t, mpfr_get_prec(r->lo));
    iv_pow_si(&t, &a->im, 2);
    iv_pow_si(r, &a->re, 2);
    iv_add(r, r, &t);
    iv_sqrt(r, r);
    iv_clear(&t);
}

/* The argument in (-pi, pi]; false where the ball meets the cut or zero. */
static bool argument(struct iv *r, const struct ball *a)
{
    struct iv t;
    bool ok = true;
    iv_init(&t, mpfr_get_prec(r->lo));
    if (iv_positive(&a->re)) {
        ok = iv_div(&t, &a->im, &a->re);
        if (ok)
            iv_atan(r, &t);
    } else if (iv_positive(&a->im) || iv_negative(&a->im)) {
        /* +-pi/2 - atan(re / im) */
        bool up = iv_positive(&a->im);
        ok = iv_div(&t, &a->re, &a->im);
        iv_atan(&t, &t);
        iv_pi(r);
        mpfr_div_2ui(r->lo, r->lo, 1, MPFR_RNDD);
        mpfr_div_2ui(r->hi, r->hi, 1, MPFR_RNDU);
        if (!up)
            iv_neg(r, r);
        iv_sub(r, r, &t);
    } else if (iv_negative(&a->re) && iv_is_zero(&a->im)) {
        iv_pi(r);
    } else {
        ok = false;
    }
    iv_clear(&t);
    return ok;
}

static void ball_exp(struct ball *r, const struct ball *a)
{
    if (a->real) {
        iv_exp(&r->re, &a->re);
        r->real = true;
        return;
    }
    struct iv size, c, s;
    mpfr_prec_t prec = mpfr_get_prec(r->re.lo);
    iv_init(&size, prec);
    iv_init(&c, prec);
    iv_init(&s, prec);
    iv_exp(&size, &a->re);
    iv_cos(&c, &a->im);
    iv_sin(&s, &a->im);
    iv_mul(&r->re, &size, &c);
    iv_mul(&r->im, &size, &s);
    settle(r);
    iv_clear(&size);
    iv_clear(&c);
    iv_clear(&s);
}

/* Zero or below without leave to be complex: outside the domain. */
static enum ev ball_log(struct ball_at *at, struct ball *r, const struct ball *a)
{
    if (a->real && iv_positive(&a->re)) {
        iv_log(&r->re, &a->re);
        r->real = true;
        return EV_OK;
    }
    if (a->real && !(iv_negative(&a->re) && at->complex))
        return EV_UNDEFINED;
    struct iv size, arg;
    mpfr_prec_t prec = mpfr_get_prec(r->re.lo);
    iv_init(&size, prec);
    iv_init(&arg, prec);
    modulus(&size, a);
    bool ok = argument(&arg, a) && iv_log(&size, &size);
    if (ok) {
        iv_swap(&r->re, &size);
        iv_swap(&r->im, &arg);
        settle(r);
    }
    iv_clear(&size);
    iv_clear(&arg);
    return ok ? EV_OK : EV_UNDEFINED;
}

/* exp(b log a) */
static enum ev general_power(struct ball_at *at, struct ball *r, const struct ball *a,
                             const struct ball *b)
{
    struct ball t;
    ball_init(&t, at->prec);
    enum ev ev = ball_log(at, &t, a);
    if (ev == EV_OK) {
        ball_mul(&t, &t, b);
        ball_exp(r, &t);
    }
    ball_clear(&t);
    return ev;
}

static enum ev ball_root(struct ball_at *at, struct ball *r, const struct ball *a, long degree)
{
    bool odd = degree % 2 != 0;
    if (degree < 1)
        return EV_FAIL;
    if (a->real && (odd || !iv_negative(&a->re))) {
        r->real = true;
        return iv_root(&r->re, &a->re, (unsigned long)degree) ? EV_OK : EV_UNDEFINED;
    }
    if (a->real && degree == 2 && at->complex) {
        struct iv t;
        iv_init(&t, at->prec);
        iv_neg(&t, &a->re);
        iv_sqrt(&r->im, &t);
        iv_set_si(&r->re, 0);
        r->real = false;
        iv_clear(&t);
        return EV_OK;
    }
    if (!at->complex)
        return EV_UNDEFINED;
    struct ball e;
    ball_init(&e, at->prec);
    iv_set_si(&e.re, 1);
    mpfr_div_si(e.re.lo, e.re.lo, degree, MPFR_RNDD);
    mpfr_div_si(e.re.hi, e.re.hi, degree, MPFR_RNDU);
    enum ev ev = general_power(at, r, a, &e);
    ball_clear(&e);
    return ev;
}

static enum ev integer_power(struct ball_at *at, struct ball *r, const struct ball *a, long n)
{
    if (a->real) {
        r->real = true;
        return iv_pow_si(&r->re, &a->re, n) ? EV_OK : EV_UNDEFINED;
    }
    if (n > 100000 || n < -100000)
        return EV_FAIL;
    struct ball b, s;
    enum ev ev = EV_OK;
    ball_init(&b, at->prec);
    ball_init(&s, at->prec);
    ball_set(&b, a);
    iv_set_si(&s.re, 1);
    for (unsigned long k = (unsigned long)(n < 0 ? -n : n); k; k >>= 1) {
        if (k & 1)
            ball_mul(&s, &s, &b);
        if (k > 1)
            ball_mul(&b, &b, &b);
    }
    if (n < 0) {
        iv_set_si(&b.re, 1);
        iv_set_si(&b.im, 0);
        b.real = true;
        if (!ball_div(r, &b, &s))
            ev = EV_UNDEFINED;
    } else {
        ball_set(r, &s);
    }
    ball_clear(&b);
    ball_clear(&s);
    return ev;
}

/* An exponent that is an integer at this point, whatever its form. */
static bool whole(const struct ball *b, long *out)
{
    if (!b->real || !mpfr_equal_p(b->re.lo, b->re.hi) || !mpfr_integer_p(b->re.lo) ||
        !mpfr_fits_slong_p(b->re.lo, MPFR_RNDN))
        return false;
    *out = mpfr_get_si(b->re.lo, MPFR_RNDN);
    return true;
}

static enum ev power(struct ball_at *at, const struct node *base, const struct node *exponent,
                     struct ball *out)
{
    struct small s;
    struct ball a, e;
    long n;
    ball_init(&a, at->prec);
    ball_init(&e, at->prec);
    enum ev ev = EV_OK;
    if (base->op == OP_E) {
        ev = ball_eval(at, exponent, &e);
        if (ev == EV_OK)
            ball_exp(out, &e);
        goto done;
    }
    ev = ball_eval(at, base, &a);
    if (ev != EV_OK)
        goto done;
    if (exact_small(exponent, &s) && s.d > 1 && s.d < 100000 && s.n > -100000 && s.n < 100000) {
        ev = ball_root(at, &e, &a, (long)s.d);
        if (ev == EV_OK)
            ev = integer_power(at, out, &e, (long)s.n);
        goto done;
    }
    ev = ball_eval(at, exponent, &e);
    if (ev != EV_OK)
        goto done;
    if (whole(&e, &n)) {
        if (a.real && iv_is_zero(&a.re) && n <= 0)
            ev = EV_UNDEFINED;
        else
            ev = integer_power(at, out, &a, n);
    } else if (a.real && iv_is_zero(&a.re) && iv_positive(&e.re)) {
        iv_set_si(&out->re, 0);
        out->real = true;
    } else {
        ev = general_power(at, out, &a, &e);
    }
done:
    ball_clear(&a);
    ball_clear(&e);
    return ev;
}

/* ---- functions ---- */

static enum ev quotient_of_waves(struct iv *r, const struct iv *a, bool tangent)
{
    struct iv s, c;
    iv_init(&s, mpfr_get_prec(r->lo));
    iv_init(&c, mpfr_get_prec(r->lo));
    iv_sin(&s, a);
    iv_cos(&c, a);
    bool ok = tangent ? iv_div(r, &s, &c) : iv_div(r, &c, &s);
    iv_clear(&s);
    iv_clear(&c);
    return ok ? EV_OK : EV_UNDEFINED;
}

static bool reciprocal(struct iv *r, const struct iv *a)
{
    struct iv one;
    iv_init(&one, mpfr_get_prec(r->lo));
    iv_set_si(&one, 1);
    bool ok = iv_div(r, &one, a);
    iv_clear(&one);
    return ok;
}

/* Functions that rise everywhere. */
static void rising(struct iv *r, const struct iv *a, int (*f)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t))
{
    f(r->lo, a->lo, MPFR_RNDD);
    f(r->hi, a->hi, MPFR_RNDU);
}

static void cosh_of(struct iv *r, const struct iv *a)
{
    iv_abs(r, a);
    rising(r, r, mpfr_cosh);
}

static enum ev trigonometric(struct iv *r, const struct iv *a, enum func f)
{
    bool ok = true;
    switch (f) {
    case FUNC_SIN: iv_sin(r, a); break;
    case FUNC_COS: iv_cos(r, a); break;
    case FUNC_TAN: return quotient_of_waves(r, a, true);
    case FUNC_COT: return quotient_of_waves(r, a, false);
    case FUNC_SEC:
        iv_cos(r, a);
        ok = reciprocal(r, r);
        break;
    case FUNC_CSC:
        iv_sin(r, a);
        ok = reciprocal(r, r);
        break;
    case FUNC_ASIN: ok = iv_asin(r, a); break;
    case FUNC_ACOS: ok = iv_acos(r, a); break;
    case FUNC_ATAN: iv_atan(r, a); break;
    case FUNC_ASEC: ok = reciprocal(r, a) && iv_acos(r, r); break;
    case FUNC_ACSC: ok = reciprocal(r, a) && iv_asin(r, r); break;
    case FUNC_ACOT: { /* pi/2 - atan, in (0, pi) */
        struct iv h;
        iv_init(&h, mpfr_get_prec(r->lo));
        iv_atan(r, a);
        iv_pi(&h);
        mpfr_div_2ui(h.lo, h.lo, 1, MPFR_RNDD);
        mpfr_div_2ui(h.hi, h.hi, 1, MPFR_RNDU);
        iv_sub(r, &h, r);
        iv_clear(&h);
        break;
    }
    case FUNC_SINH: rising(r, a, mpfr_sinh); break;
    case FUNC_COSH: cosh_of(r, a); break;
    case FUNC_TANH: rising(r, a, mpfr_tanh); break;
    case FUNC_SECH:
        cosh_of(r, a);
        ok = reciprocal(r, r);
        break;
    case FUNC_CSCH:
        rising(r, a, mpfr_sinh);
        ok = reciprocal(r, r);
        break;
    case FUNC_COTH:
        rising(r, a, mpfr_tanh);
        ok = reciprocal(r, r);
        break;
    case FUNC_ASINH: rising(r, a, mpfr_asinh); break;
    case FUNC_ACOSH:
        ok = mpfr_cmp_ui(a->lo, 1) >= 0;
        if (ok)
            rising(r, a, mpfr_acosh);
        break;
    case FUNC_ATANH:
        ok = mpfr_cmp_si(a->lo, -1) > 0 && mpfr_cmp_si(a->hi, 1) < 0;
        if (ok)
            rising(r, a, mpfr_atanh);
        break;
    default: return EV_FAIL;
    }
    return ok ? EV_OK : EV_UNDEFINED;
}

/* floor, ceil, sgn: constant on the enclosure or not known. */
static enum ev stepped(struct iv *r, const struct iv *a, enum func f)
{
    if (f == FUNC_SGN) {
        int lo = mpfr_sgn(a->lo), hi = mpfr_sgn(a->hi);
        iv_set_si(r, lo);
        return lo == hi ? EV_OK : EV_UNDEFINED;
    }
    if (f == FUNC_FLOOR) {
        mpfr_floor(r->lo, a->lo);
        mpfr_floor(r->hi, a->hi);
    } else {
        mpfr_ceil(r->lo, a->lo);
        mpfr_ceil(r->hi, a->hi);
    }
    return mpfr_equal_p(r->lo, r->hi) ? EV_OK : EV_UNDEFINED;
}

static enum ev factorial(const struct ball *a, struct ball *out, bool twice)
{
    long n;
    if (!whole(a, &n))
        return EV_UNDEFINED;
    if (n < 0 || n > ANSWER_FACTORIAL_MAX || (twice && n > 2000))
        return EV_FAIL;
    if (twice) {
        mpz_t z;
        mpz_init(z);
        mpz_2fac_ui(z, (unsigned long)n);
        mpfr_set_z(out->re.lo, z, MPFR_RNDD);
        mpfr_set_z(out->re.hi, z, MPFR_RNDU);
        mpz_clear(z);
    } else {
        mpfr_fac_ui(out->re.lo, (unsigned long)n, MPFR_RNDD);
        mpfr_fac_ui(out->re.hi, (unsigned long)n, MPFR_RNDU);
    }
    out->real = true;
    return EV_OK;
}

static enum ev binomial(const struct ball *n, const struct ball *k, struct ball *out)
{
    long top, down;
    if (!whole(n, &top) || !whole(k, &down))
        return EV_UNDEFINED;
    if (top < 0 || down < 0 || top > 100000 || down > 2000)
        return EV_FAIL;
    mpz_t z;
    mpz_init(z);
    mpz_bin_uiui(z, (unsigned long)top, (unsigned long)down);
    mpfr_set_z(out->re.lo, z, MPFR_RNDD);
    mpfr_set_z(out->re.hi, z, MPFR_RNDU);
    mpz_clear(z);
    out->real = true;
    return EV_OK;
}

static enum ev logarithm(struct ball_at *at, const struct node *x, const struct ball *a,
                         const struct ball *b, struct ball *out)
{
    struct ball base, t;
    enum ev ev = EV_OK;
    ball_init(&base, at->prec);
    ball_init(&t, at->prec);
    if (x->n == 1)
        iv_set_si(&base.re, 10);
    else
        ball_set(&base, a);
    ev = ball_log(at, &t, x->n == 1 ? a : b);
    if (ev == EV_OK)
        ev = ball_log(at, &base, &base);
    if (ev == EV_OK && !ball_div(out, &t, &base))
        ev = EV_UNDEFINED;
    ball_clear(&base);
    ball_clear(&t);
    return ev;
}

static void extreme(struct ball *out, const struct ball *b, bool larger)
{
    int (*pick)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t) = larger ? mpfr_max : mpfr_min;
    pick(out->re.lo, out->re.lo, b->re.lo, MPFR_RNDD);
    pick(out->re.hi, out->re.hi, b->re.hi, MPFR_RNDU);
}

static enum ev remainder_of(const struct ball *a, const struct ball *b, struct ball *out)
{
    long n, m;
    if (!whole(a, &n) || !whole(b, &m) || m == 0)
        return EV_UNDEFINED;
    long r = n % m;
    iv_set_si(&out->re, r < 0 ? r + (m < 0 ? -m : m) : r);
    out->real = true;
    return EV_OK;
}

static enum ev several(struct ball_at *at, const struct node *x, struct ball *out)
{
    struct ball b;
    enum ev ev = ball_eval(at, x->kid[0], out);
    ball_init(&b, at->prec);
    for (uint32_t i = 1; ev == EV_OK && i < x->n; i++) {
        ev = ball_eval(at, x->kid[i], &b);
        if (ev == EV_OK && (!out->real || !b.real || (x->func != FUNC_MAX && x->func != FUNC_MIN)))
            ev = EV_FAIL;
        if (ev == EV_OK)
            extreme(out, &b, x->func == FUNC_MAX);
    }
    ball_clear(&b);
    return ev;
}

static enum ev one_argument(struct ball_at *at, enum func f, const struct ball *a, struct ball *out)
{
    switch (f) {
    case FUNC_SQRT: return ball_root(at, out, a, 2);
    case FUNC_EXP: ball_exp(out, a); return EV_OK;
    case FUNC_LN: return ball_log(at, out, a);
    case FUNC_ABS:
    case FUNC_NORM:
        modulus(&out->re, a);
        out->real = true;
        return EV_OK;
    case FUNC_FACT:
    case FUNC_FACT2: return factorial(a, out, f == FUNC_FACT2);
    case FUNC_RE: iv_set(&out->re, &a->re); return EV_OK;
    case FUNC_IM: iv_set(&out->re, &a->im); return EV_OK;
    case FUNC_CONJ:
        ball_set(out, a);
        iv_neg(&out->im, &out->im);
        return EV_OK;
    default: break;
    }
    if (!a->real)
        return EV_FAIL;
    out->real = true;
    if (f == FUNC_FLOOR || f == FUNC_CEIL || f == FUNC_SGN)
        return stepped(&out->re, &a->re, f);
    return trigonometric(&out->re, &a->re, f);
}

static enum ev function(struct ball_at *at, const struct node *x, struct ball *out)
{
    struct small degree;
    if (x->func == FUNC_MAX || x->func == FUNC_MIN)
        return several(at, x, out);
    if (x->n < 1 || x->n > 2 || x->func == FUNC_DET)
        return EV_FAIL;
    struct ball a, b;
    ball_init(&a, at->prec);
    ball_init(&b, at->prec);
    enum ev ev = ball_eval(at, x->kid[0], &a);
    if (ev == EV_OK && x->n == 2)
        ev = ball_eval(at, x->kid[1], &b);
    if (ev == EV_OK) {
        switch (x->func) {
        case FUNC_LOG: ev = logarithm(at, x, &a, &b, out); break;
        case FUNC_ROOT:
            if (exact_small(x->kid[0], &degree) && degree.d == 1 && degree.n >= 1 &&
                degree.n < 100000) {
                ev = ball_root(at, out, &b, (long)degree.n);
            } else {
                struct ball e;
                ball_init(&e, at->prec);
                iv_set_si(&e.re, 1);
                ev = ball_div(&e, &e, &a) ? general_power(at, out, &b, &e) : EV_UNDEFINED;
                ball_clear(&e);
            }
            break;
        case FUNC_BINOM: ev = binomial(&a, &b, out); break;
        case FUNC_MOD: ev = remainder_of(&a, &b, out); break;
        default: ev = x->n == 1 ? one_argument(at, (enum func)x->func, &a, out) : EV_FAIL; break;
        }
    }
    ball_clear(&a);
    ball_clear(&b);
    return ev;
}

/* ---- leaves ---- */

/* Coordinates: positive, then of both signs, then small integers, in turn.  All
 * are multiples of 1/64, so they are exact at every precision. */
bool ball_point_is_mixed(int point)
{
    return point % 4 == 1 || point % 4 == 2;
}

static void coordinate(struct iv *r, int point, uint64_t h)
{
    int kind = point % 4;
    long v = kind == 3   ? (long)(h % 9 + 2) * 64
             : point & 4 ? (long)(h % 500 + 11)
                         : (long)(h % 2000 + 77);
    if (ball_point_is_mixed(point) && (h >> 40 & 1) == (uint64_t)(kind == 1))
        v = -v;
    mpfr_set_si_2exp(r->lo, v, -6, MPFR_RNDD);
    mpfr_set_si_2exp(r->hi, v, -6, MPFR_RNDU);
}

static enum ev variable(struct ball_at *at, struct str name, struct ball *out)
{
    out->real = true;
    for (const struct bound_real *b = at->bound; b; b = b->next)
        if (str_eq(b->name, name)) {
            iv_set_si(&out->re, b->value);
            return EV_OK;
        }
    if (at->point < 0)
        return EV_FAIL;
    coordinate(&out->re, at->point, mod_mix(mod_mix(77, (uint64_t)at->point), str_hash(name)));
    return EV_OK;
}

/* An unknown function is a coordinate of its own for each value of its arguments. */
static enum ev call(struct ball_at *at, const struct node *x, struct ball *out)
{
    if (at->point < 0 || at->bound)
        return EV_FAIL;
    at->mod->opaque = false;
    uint64_t h = str_hash(x->name);
    for (uint32_t i = 0; i < x->n; i++)
        h = mod_mix(h, mod_hash(at->mod, x->kid[i]));
    if (at->mod->opaque) /* equal arguments could have unequal hashes */
        return EV_FAIL;
    out->real = true;
    coordinate(&out->re, at->point, mod_mix(mod_mix(78, (uint64_t)at->point), h));
    return EV_OK;
}

static enum ev number(struct ball_at *at, const struct node *x, struct ball *out)
{
    char text[ANSWER_DIGITS_MAX + 16];
    out->real = true;
    if (x->name.n > ANSWER_DIGITS_MAX || !budget_take(at->budget, (int64_t)x->name.n / 8))
        return EV_LIMIT;
    memcpy(text, x->name.p, x->name.n);
    text[x->name.n] = '\0';
    if (x->scale) {
        char *p = text + x->name.n;
        long s = x->scale < 0 ? -(long)x->scale : x->scale;
        char digits[12];
        int n = 0;
        do
            digits[n++] = (char)('0' + s % 10);
        while ((s /= 10) > 0);
        *p++ = 'e';
        if (x->scale < 0)
            *p++ = '-';
        while (n)
            *p++ = digits[--n];
        *p = '\0';
    }
    mpfr_strtofr(out->re.lo, text, NULL, 10, MPFR_RNDD);
    mpfr_strtofr(out->re.hi, text, NULL, 10, MPFR_RNDU);
    return EV_OK;
}

static enum ev big(struct ball_at *at, const struct node *x, struct ball *out)
{
    struct small from, to;
    if (!exact_small(x->kid[1], &from) || !exact_small(x->kid[2], &to) || from.d != 1 ||
        to.d != 1 || to.n - from.n >= ANSWER_RANGE_MAX)
        return EV_FAIL;
    struct bound_real b = {x->kid[0]->name, 0, at->bound};
    const struct bound_real *outer = at->bound;
    struct ball v;
    enum ev ev = EV_OK;
    ball_init(&v, at->prec);
    iv_set_si(&out->re, x->func == FUNC_PROD);
    out->real = true;
    at->bound = &b;
    for (int64_t k = from.n; ev == EV_OK && k <= to.n; k++) {
        b.value = (long)k;
        ev = ball_eval(at, x->kid[3], &v);
        if (ev == EV_OK && x->func == FUNC_SUM)
            ball_add(out, out, &v);
        else if (ev == EV_OK)
            ball_mul(out, out, &v);
    }
    at->bound = outer;
    ball_clear(&v);
    return ev;
}

static enum ev fold(struct ball_at *at, const struct node *x, struct ball *out)
{
    struct ball b;
    enum ev ev = ball_eval(at, x->kid[0], out);
    ball_init(&b, at->prec);
    for (uint32_t i = 1; ev == EV_OK && i < x->n; i++) {
        ev = ball_eval(at, x->kid[i], &b);
        if (ev != EV_OK)
            break;
        if (x->op == OP_ADD)
            ball_add(out, out, &b);
        else if (x->op == OP_MUL)
            ball_mul(out, out, &b);
        else if (!ball_div(out, out, &b))
            ev = EV_UNDEFINED;
    }
    ball_clear(&b);
    return ev;
}

static enum ev scaled(struct ball_at *at, const struct node *x, struct ball *out)
{
    enum ev ev = ball_eval(at, x->kid[0], out);
    if (ev != EV_OK)
        return ev;
    struct ball f;
    ball_init(&f, at->prec);
    if (x->op == OP_DEGREE) {
        iv_pi(&f.re);
        ball_mul(out, out, &f);
    }
    iv_set_si(&f.re, x->op == OP_DEGREE ? 180 : 100);
    ball_div(out, out, &f);
    ball_clear(&f);
    return EV_OK;
}

static enum ev base_number(struct ball_at *at, const struct node *x, struct ball *out)
{
    struct small s;
    (void)at;
    if (!exact_small(x, &s))
        return EV_FAIL;
    iv_set_si(&out->re, (long)s.n);
    out->real = true;
    return EV_OK;
}

static enum ev eval(struct ball_at *at, const struct node *x, struct ball *out)
{
    enum ev ev;
    switch (x->op) {
    case OP_NUM: return number(at, x, out);
    case OP_BASE: return base_number(at, x, out);
    case OP_NAME: return variable(at, x->name, out);
    case OP_PI:
        iv_pi(&out->re);
        out->real = true;
        return EV_OK;
    case OP_E:
        iv_set_si(&out->re, 1);
        iv_exp(&out->re, &out->re);
        out->real = true;
        return EV_OK;
    case OP_I:
        if (variable(&(struct ball_at){.point = -1, .bound = at->bound}, STR("i"), out) == EV_OK)
            return EV_OK;
        iv_set_si(&out->re, 0);
        iv_set_si(&out->im, 1);
        out->real = false;
        return EV_OK;
    case OP_ADD:
    case OP_MUL:
    case OP_DIV: return fold(at, x, out);
    case OP_NEG:
        ev = ball_eval(at, x->kid[0], out);
        if (ev == EV_OK) {
            iv_neg(&out->re, &out->re);
            if (!out->real)
                iv_neg(&out->im, &out->im);
        }
        return ev;
    case OP_POW: return power(at, x->kid[0], x->kid[1], out);
    case OP_PERCENT:
    case OP_DEGREE: return scaled(at, x, out);
    case OP_UNIT: return ball_eval(at, x->kid[0], out);
    case OP_FUNC: return function(at, x, out);
    case OP_BIG: return big(at, x, out);
    case OP_CALL: return call(at, x, out);
    default: return EV_FAIL;
    }
}

enum ev ball_eval(struct ball_at *at, const struct node *x, struct ball *out)
{
    bool heavy = x->op == OP_FUNC || x->op == OP_POW || x->op == OP_PI || x->op == OP_E;
    int64_t words = 1 + at->prec / 64;
    if (!budget_take(at->budget, heavy ? 20 + words * words : 6 + words))
        return EV_LIMIT;
    enum ev ev = eval(at, x, out);
    if (ev == EV_OK && out->real)
        iv_set_si(&out->im, 0);
    /* a tower that no exponent can hold */
    if (ev == EV_OK && (!iv_is_number(&out->re) || !iv_is_number(&out->im))) {
        if (at->budget->limit == LIMIT_NONE)
            at->budget->limit = LIMIT_BITS;
        ev = EV_LIMIT;
    }
    return ev;
}
