/* ball_arith.c - arithmetic with real and complex enclosures.  See balls.h. */
#include "answer/balls.h"

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

void ball_set(struct ball *r, const struct ball *a)
{
    iv_set(&r->re, &a->re);
    iv_set(&r->im, &a->im);
    r->real = a->real;
}

void ball_add(struct ball *r, const struct ball *a, const struct ball *b)
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

void ball_modulus(struct iv *r, const struct ball *a)
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

void ball_exp(struct ball *r, const struct ball *a)
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
enum ev ball_log(struct ball_at *at, struct ball *r, const struct ball *a)
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
    ball_modulus(&size, a);
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
enum ev ball_power(struct ball_at *at, struct ball *r, const struct ball *a, const struct ball *b)
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

enum ev ball_root(struct ball_at *at, struct ball *r, const struct ball *a, long degree)
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
    enum ev ev = ball_power(at, r, a, &e);
    ball_clear(&e);
    return ev;
}

enum ev ball_integer_power(struct ball_at *at, struct ball *r, const struct ball *a, long n)
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
bool ball_is_whole(const struct ball *b, long *out)
{
    if (!b->real || !mpfr_equal_p(b->re.lo, b->re.hi) || !mpfr_integer_p(b->re.lo) ||
        !mpfr_fits_slong_p(b->re.lo, MPFR_RNDN))
        return false;
    *out = mpfr_get_si(b->re.lo, MPFR_RNDN);
    return true;
}
