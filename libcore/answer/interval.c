/* interval.c - see interval.h. */
#include "answer/interval.h"

void iv_init(struct iv *a, mpfr_prec_t prec)
{
    mpfr_init2(a->lo, prec);
    mpfr_init2(a->hi, prec);
}

void iv_clear(struct iv *a)
{
    mpfr_clear(a->lo);
    mpfr_clear(a->hi);
}

void iv_set(struct iv *r, const struct iv *a)
{
    mpfr_set(r->lo, a->lo, MPFR_RNDD);
    mpfr_set(r->hi, a->hi, MPFR_RNDU);
}

void iv_set_si(struct iv *r, long v)
{
    mpfr_set_si(r->lo, v, MPFR_RNDD);
    mpfr_set_si(r->hi, v, MPFR_RNDU);
}

void iv_set_q(struct iv *r, const mpq_t q)
{
    mpfr_set_q(r->lo, q, MPFR_RNDD);
    mpfr_set_q(r->hi, q, MPFR_RNDU);
}

void iv_pi(struct iv *r)
{
    mpfr_const_pi(r->lo, MPFR_RNDD);
    mpfr_const_pi(r->hi, MPFR_RNDU);
}

void iv_swap(struct iv *a, struct iv *b)
{
    mpfr_swap(a->lo, b->lo);
    mpfr_swap(a->hi, b->hi);
}

bool iv_has_zero(const struct iv *a)
{
    return mpfr_sgn(a->lo) <= 0 && mpfr_sgn(a->hi) >= 0;
}

bool iv_is_zero(const struct iv *a)
{
    return mpfr_zero_p(a->lo) && mpfr_zero_p(a->hi);
}

bool iv_positive(const struct iv *a)
{
    return mpfr_sgn(a->lo) > 0;
}

bool iv_negative(const struct iv *a)
{
    return mpfr_sgn(a->hi) < 0;
}

bool iv_is_number(const struct iv *a)
{
    return mpfr_number_p(a->lo) && mpfr_number_p(a->hi);
}

bool iv_overlap(const struct iv *a, const struct iv *b)
{
    return mpfr_lessequal_p(a->lo, b->hi) && mpfr_lessequal_p(b->lo, a->hi);
}

void iv_neg(struct iv *r, const struct iv *a)
{
    if (r != a)
        iv_set(r, a);
    mpfr_neg(r->lo, r->lo, MPFR_RNDU);
    mpfr_neg(r->hi, r->hi, MPFR_RNDD);
    mpfr_swap(r->lo, r->hi);
}

void iv_add(struct iv *r, const struct iv *a, const struct iv *b)
{
    mpfr_add(r->lo, a->lo, b->lo, MPFR_RNDD);
    mpfr_add(r->hi, a->hi, b->hi, MPFR_RNDU);
}

void iv_sub(struct iv *r, const struct iv *a, const struct iv *b)
{
    struct iv t;
    iv_init(&t, mpfr_get_prec(r->lo));
    mpfr_sub(t.lo, a->lo, b->hi, MPFR_RNDD);
    mpfr_sub(t.hi, a->hi, b->lo, MPFR_RNDU);
    iv_swap(r, &t);
    iv_clear(&t);
}

void iv_mul(struct iv *r, const struct iv *a, const struct iv *b)
{
    struct iv t;
    mpfr_t x;
    iv_init(&t, mpfr_get_prec(r->lo));
    if (mpfr_sgn(a->lo) >= 0 && mpfr_sgn(b->lo) >= 0) {
        mpfr_mul(t.lo, a->lo, b->lo, MPFR_RNDD);
        mpfr_mul(t.hi, a->hi, b->hi, MPFR_RNDU);
    } else {
        mpfr_srcptr p[2] = {a->lo, a->hi}, q[2] = {b->lo, b->hi};
        mpfr_init2(x, mpfr_get_prec(r->lo));
        mpfr_mul(t.lo, a->lo, b->lo, MPFR_RNDD);
        mpfr_mul(t.hi, a->lo, b->lo, MPFR_RNDU);
        for (int k = 1; k < 4; k++) {
            mpfr_mul(x, p[k >> 1], q[k & 1], MPFR_RNDD);
            mpfr_min(t.lo, t.lo, x, MPFR_RNDD);
            mpfr_mul(x, p[k >> 1], q[k & 1], MPFR_RNDU);
            mpfr_max(t.hi, t.hi, x, MPFR_RNDU);
        }
        mpfr_clear(x);
    }
    iv_swap(r, &t);
    iv_clear(&t);
}

bool iv_div(struct iv *r, const struct iv *a, const struct iv *b)
{
    if (iv_has_zero(b))
        return false;
    struct iv t;
    iv_init(&t, mpfr_get_prec(r->lo));
    mpfr_ui_div(t.lo, 1, b->hi, MPFR_RNDD);
    mpfr_ui_div(t.hi, 1, b->lo, MPFR_RNDU);
    iv_mul(r, a, &t);
    iv_clear(&t);
    return true;
}

void iv_abs(struct iv *r, const struct iv *a)
{
    if (mpfr_sgn(a->lo) >= 0) {
        if (r != a)
            iv_set(r, a);
    } else if (mpfr_sgn(a->hi) <= 0) {
        iv_neg(r, a);
    } else {
        mpfr_t x;
        mpfr_init2(x, mpfr_get_prec(r->lo));
        mpfr_neg(x, a->lo, MPFR_RNDU);
        mpfr_max(r->hi, a->hi, x, MPFR_RNDU);
        mpfr_set_zero(r->lo, 1);
        mpfr_clear(x);
    }
}

bool iv_sqrt(struct iv *r, const struct iv *a)
{
    if (iv_negative(a))
        return false;
    mpfr_sqrt(r->hi, a->hi, MPFR_RNDU);
    if (mpfr_sgn(a->lo) <= 0)
        mpfr_set_zero(r->lo, 1);
    else
        mpfr_sqrt(r->lo, a->lo, MPFR_RNDD);
    return true;
}

bool iv_root(struct iv *r, const struct iv *a, unsigned long n)
{
    if (n % 2 == 0) {
        if (iv_negative(a))
            return false;
        mpfr_rootn_ui(r->hi, a->hi, n, MPFR_RNDU);
        if (mpfr_sgn(a->lo) <= 0)
            mpfr_set_zero(r->lo, 1);
        else
            mpfr_rootn_ui(r->lo, a->lo, n, MPFR_RNDD);
        return true;
    }
    mpfr_rootn_ui(r->lo, a->lo, n, MPFR_RNDD);
    mpfr_rootn_ui(r->hi, a->hi, n, MPFR_RNDU);
    return true;
}

bool iv_pow_si(struct iv *r, const struct iv *a, long n)
{
    if (n == 0) {
        iv_set_si(r, 1);
        return true;
    }
    if (n < 0 && iv_has_zero(a))
        return false;
    struct iv t;
    iv_init(&t, mpfr_get_prec(r->lo));
    long k = n < 0 ? -n : n;
    if (k % 2 == 0) {
        iv_abs(&t, a);
        mpfr_pow_si(t.lo, t.lo, k, MPFR_RNDD);
        mpfr_pow_si(t.hi, t.hi, k, MPFR_RNDU);
    } else {
        mpfr_pow_si(t.lo, a->lo, k, MPFR_RNDD);
        mpfr_pow_si(t.hi, a->hi, k, MPFR_RNDU);
    }
    if (n < 0) {
        mpfr_ui_div(t.lo, 1, t.lo, MPFR_RNDU);
        mpfr_ui_div(t.hi, 1, t.hi, MPFR_RNDD);
        mpfr_swap(t.lo, t.hi);
    }
    iv_swap(r, &t);
    iv_clear(&t);
    return true;
}

void iv_exp(struct iv *r, const struct iv *a)
{
    mpfr_exp(r->lo, a->lo, MPFR_RNDD);
    mpfr_exp(r->hi, a->hi, MPFR_RNDU);
}

bool iv_log(struct iv *r, const struct iv *a)
{
    if (mpfr_sgn(a->lo) <= 0)
        return false;
    mpfr_log(r->lo, a->lo, MPFR_RNDD);
    mpfr_log(r->hi, a->hi, MPFR_RNDU);
    return true;
}

enum { WAVE_BITS = 4096 }; /* of an argument, which is brought into one period */

static bool is_huge(mpfr_srcptr x)
{
    return !mpfr_number_p(x) || (!mpfr_zero_p(x) && mpfr_get_exp(x) > WAVE_BITS);
}

/* sin and cos move by at most the width of their argument. */
static void wave(struct iv *r, const struct iv *a, int (*f)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t))
{
    mpfr_t width;
    if (is_huge(a->lo) || is_huge(a->hi)) {
        mpfr_set_si(r->lo, -1, MPFR_RNDD);
        mpfr_set_si(r->hi, 1, MPFR_RNDU);
        return;
    }
    mpfr_init2(width, 32);
    mpfr_sub(width, a->hi, a->lo, MPFR_RNDU);
    f(r->lo, a->lo, MPFR_RNDD); /* may overwrite a->lo; a->hi is not needed any more */
    mpfr_set(r->hi, r->lo, MPFR_RNDU);
    mpfr_nextabove(r->hi);
    mpfr_sub(r->lo, r->lo, width, MPFR_RNDD);
    mpfr_add(r->hi, r->hi, width, MPFR_RNDU);
    if (mpfr_cmp_si(r->lo, -1) < 0)
        mpfr_set_si(r->lo, -1, MPFR_RNDD);
    if (mpfr_cmp_si(r->hi, 1) > 0)
        mpfr_set_si(r->hi, 1, MPFR_RNDU);
    mpfr_clear(width);
}

void iv_sin(struct iv *r, const struct iv *a)
{
    wave(r, a, mpfr_sin);
}

void iv_cos(struct iv *r, const struct iv *a)
{
    wave(r, a, mpfr_cos);
}

void iv_atan(struct iv *r, const struct iv *a)
{
    mpfr_atan(r->lo, a->lo, MPFR_RNDD);
    mpfr_atan(r->hi, a->hi, MPFR_RNDU);
}

static void clamp(struct iv *r, const struct iv *a)
{
    if (r != a)
        iv_set(r, a);
    if (mpfr_cmp_si(r->lo, -1) < 0)
        mpfr_set_si(r->lo, -1, MPFR_RNDD);
    if (mpfr_cmp_si(r->hi, 1) > 0)
        mpfr_set_si(r->hi, 1, MPFR_RNDU);
}

static bool outside(const struct iv *a)
{
    return mpfr_cmp_si(a->lo, 1) > 0 || mpfr_cmp_si(a->hi, -1) < 0;
}

bool iv_asin(struct iv *r, const struct iv *a)
{
    if (outside(a))
        return false;
    clamp(r, a);
    mpfr_asin(r->lo, r->lo, MPFR_RNDD);
    mpfr_asin(r->hi, r->hi, MPFR_RNDU);
    return true;
}

bool iv_acos(struct iv *r, const struct iv *a)
{
    if (outside(a))
        return false;
    clamp(r, a);
    mpfr_acos(r->lo, r->lo, MPFR_RNDU);
    mpfr_acos(r->hi, r->hi, MPFR_RNDD);
    mpfr_swap(r->lo, r->hi);
    return true;
}
