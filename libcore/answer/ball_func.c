/* ball_func.c - the known functions of enclosures.  See balls.h. */
#include "answer/balls.h"

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

static enum ev factorial(struct budget *budget, const struct ball *a, struct ball *out, bool twice)
{
    long n;
    if (!ball_is_whole(a, &n))
        return EV_UNDEFINED;
    if (n < 0 || n > ANSWER_FACTORIAL_MAX || (twice && n > 2000))
        return EV_FAIL;
    if (!budget_take(budget, n * (1 + (int64_t)mpfr_get_prec(a->re.lo) / 1024)))
        return EV_LIMIT;
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

static enum ev binomial(struct budget *budget, const struct ball *n, const struct ball *k,
                        struct ball *out)
{
    long top, down;
    if (!ball_is_whole(n, &top) || !ball_is_whole(k, &down))
        return EV_UNDEFINED;
    if (top < 0 || down < 0 || top > 100000 || down > 2000)
        return EV_FAIL;
    if (!budget_take(budget, down))
        return EV_LIMIT;
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
    if (!ball_is_whole(a, &n) || !ball_is_whole(b, &m) || m == 0)
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
        ball_modulus(&out->re, a);
        out->real = true;
        return EV_OK;
    case FUNC_FACT:
    case FUNC_FACT2: return factorial(at->budget, a, out, f == FUNC_FACT2);
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

enum ev ball_function(struct ball_at *at, const struct node *x, struct ball *out)
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
                ev = ball_div(&e, &e, &a) ? ball_power(at, out, &b, &e) : EV_UNDEFINED;
                ball_clear(&e);
            }
            break;
        case FUNC_BINOM: ev = binomial(at->budget, &a, &b, out); break;
        case FUNC_MOD: ev = remainder_of(&a, &b, out); break;
        default: ev = x->n == 1 ? one_argument(at, (enum func)x->func, &a, out) : EV_FAIL; break;
        }
    }
    ball_clear(&a);
    ball_clear(&b);
    return ev;
}
