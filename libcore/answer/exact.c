/* exact.c - rational values, small ones first.  See eval.h. */
#include "answer/eval.h"

#include <string.h>

bool budget_take(struct budget *b, int64_t units)
{
    b->work -= units;
    if (b->work < 0 && b->limit == LIMIT_NONE)
        b->limit = LIMIT_WORK;
    return b->limit == LIMIT_NONE;
}

/* ---- 64 bits ---- */

static int64_t gcd64(int64_t a, int64_t b)
{
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return a < 0 ? -a : a;
}

/* Within +-2^62, so that a sign can always change. */
static bool fits(int64_t v)
{
    return v >= -(INT64_C(1) << 62) && v <= INT64_C(1) << 62;
}

static bool reduce(int64_t n, int64_t d, struct small *out)
{
    if (d == 0 || !fits(n) || !fits(d))
        return false;
    int64_t g = gcd64(n, d);
    if (d < 0)
        g = -g;
    *out = (struct small){n / g, d / g};
    return true;
}

static bool small_mul(struct small a, struct small b, struct small *out)
{
    int64_t n, d;
    return !__builtin_mul_overflow(a.n, b.n, &n) && !__builtin_mul_overflow(a.d, b.d, &d) &&
           reduce(n, d, out);
}

static bool small_add(struct small a, struct small b, struct small *out)
{
    int64_t x, y, n, d;
    return !__builtin_mul_overflow(a.n, b.d, &x) && !__builtin_mul_overflow(b.n, a.d, &y) &&
           !__builtin_add_overflow(x, y, &n) && !__builtin_mul_overflow(a.d, b.d, &d) &&
           reduce(n, d, out);
}

static bool small_pow(struct small a, int64_t e, struct small *out)
{
    if (e > 64 || e < -64)
        return false;
    if (e < 0) {
        if (a.n == 0 || !reduce(a.d, a.n, &a))
            return false;
        e = -e;
    }
    *out = (struct small){1, 1};
    for (int64_t i = 0; i < e; i++)
        if (!small_mul(*out, a, out))
            return false;
    return true;
}

static bool small_num(const struct node *x, struct small *out)
{
    if (x->name.n > 18 || x->scale > 17 || x->scale < -17)
        return false;
    int64_t v = 0;
    for (size_t i = 0; i < x->name.n; i++)
        v = v * 10 + (x->name.p[i] - '0');
    struct small s = {v, 1};
    int64_t ten = 1;
    for (int32_t i = 0; i < (x->scale < 0 ? -x->scale : x->scale); i++)
        ten *= 10;
    if (!fits(v))
        return false;
    return x->scale == 0
               ? (*out = s, true)
               : small_mul(s, x->scale > 0 ? (struct small){ten, 1} : (struct small){1, ten}, out);
}

static bool small_base(const struct node *x, struct small *out)
{
    int64_t v = 0;
    for (size_t i = 0; i < x->name.n; i++) {
        char c = x->name.p[i];
        int digit = c <= '9' ? c - '0' : c - 'A' + 10;
        if (digit >= x->scale || __builtin_mul_overflow(v, (int64_t)x->scale, &v) ||
            __builtin_add_overflow(v, (int64_t)digit, &v))
            return false;
    }
    return reduce(v, 1, out);
}

static bool small_func(const struct node *x, struct small *out)
{
    struct small a;
    if (x->n != 1 || !exact_small(x->kid[0], &a))
        return false;
    switch (x->func) {
    case FUNC_ABS: *out = (struct small){a.n < 0 ? -a.n : a.n, a.d}; return true;
    case FUNC_FACT: {
        if (a.d != 1 || a.n < 0 || a.n > 20)
            return false;
        int64_t v = 1;
        for (int64_t i = 2; i <= a.n; i++)
            v *= i;
        return reduce(v, 1, out);
    }
    default: return false;
    }
}

bool exact_small(const struct node *x, struct small *out)
{
    struct small a, b;
    switch (x->op) {
    case OP_NUM: return small_num(x, out);
    case OP_BASE: return small_base(x, out);
    case OP_NEG:
        if (!exact_small(x->kid[0], &a))
            return false;
        *out = (struct small){-a.n, a.d};
        return true;
    case OP_ADD:
    case OP_MUL:
        if (!exact_small(x->kid[0], out))
            return false;
        for (uint32_t i = 1; i < x->n; i++)
            if (!exact_small(x->kid[i], &a) ||
                !(x->op == OP_ADD ? small_add(*out, a, out) : small_mul(*out, a, out)))
                return false;
        return true;
    case OP_DIV:
        return exact_small(x->kid[0], &a) && exact_small(x->kid[1], &b) && b.n != 0 &&
               small_mul(a, (struct small){b.n < 0 ? -b.d : b.d, b.n < 0 ? -b.n : b.n}, out);
    case OP_POW:
        return exact_small(x->kid[0], &a) && exact_small(x->kid[1], &b) && b.d == 1 &&
               !(a.n == 0 && b.n <= 0) && small_pow(a, b.n, out);
    case OP_PERCENT: return exact_small(x->kid[0], &a) && small_mul(a, (struct small){1, 100}, out);
    case OP_UNIT: return exact_small(x->kid[0], out);
    case OP_FUNC: return small_func(x, out);
    default: return false;
    }
}

/* ---- any size ---- */

static bool too_large(struct budget *b, const mpq_t q)
{
    size_t n = mpz_sizeinbase(mpq_numref(q), 2), d = mpz_sizeinbase(mpq_denref(q), 2);
    if (n <= ANSWER_BITS_MAX && d <= ANSWER_BITS_MAX)
        return false;
    if (b->limit == LIMIT_NONE)
        b->limit = LIMIT_BITS;
    return true;
}

/* Too large to be written out is no failure here: the other ways may still do. */
static enum ev big_num(struct budget *b, const struct node *x, mpq_t out)
{
    char text[ANSWER_DIGITS_MAX + 1];
    int32_t scale = x->scale < 0 ? -x->scale : x->scale;
    if (x->name.n > ANSWER_DIGITS_MAX || scale > ANSWER_BITS_MAX / 4)
        return EV_FAIL;
    if (!budget_take(b, 2 + (int64_t)x->name.n / 16 + scale / 64))
        return EV_LIMIT;
    memcpy(text, x->name.p, x->name.n);
    text[x->name.n] = '\0';
    mpz_set_str(mpq_numref(out), text, 10);
    mpz_set_ui(mpq_denref(out), 1);
    if (scale) {
        mpz_t ten;
        mpz_init(ten);
        mpz_ui_pow_ui(ten, 10, (unsigned long)scale);
        if (x->scale > 0)
            mpz_mul(mpq_numref(out), mpq_numref(out), ten);
        else
            mpz_set(mpq_denref(out), ten);
        mpz_clear(ten);
        mpq_canonicalize(out);
    }
    return EV_OK;
}

static enum ev big_pow(struct budget *b, const struct node *x, mpq_t out)
{
    struct small e;
    if (!exact_small(x->kid[1], &e) || e.d != 1)
        return EV_FAIL;
    enum ev ev = exact_big(b, x->kid[0], out);
    if (ev != EV_OK)
        return ev;
    uint64_t k = (uint64_t)(e.n < 0 ? -e.n : e.n);
    if (mpq_sgn(out) == 0)
        return e.n > 0 ? EV_OK : EV_UNDEFINED;
    size_t n = mpz_sizeinbase(mpq_numref(out), 2), d = mpz_sizeinbase(mpq_denref(out), 2);
    bool unit = n == 1 && d == 1; /* 1 or -1 */
    if (!unit && (k > ANSWER_BITS_MAX || k * (n > d ? n : d) > ANSWER_BITS_MAX))
        return EV_FAIL;
    if (unit)
        k &= 1;
    if (!budget_take(b, (int64_t)(k * (n + d) / 256) + 1))
        return EV_LIMIT;
    mpz_pow_ui(mpq_numref(out), mpq_numref(out), k);
    mpz_pow_ui(mpq_denref(out), mpq_denref(out), k);
    if (e.n < 0)
        mpq_inv(out, out);
    return EV_OK;
}

static enum ev big_root(struct budget *b, const struct node *radicand, unsigned long degree,
                        mpq_t out)
{
    enum ev ev = exact_big(b, radicand, out);
    if (ev != EV_OK)
        return ev;
    if (!degree || degree > 64 || (mpq_sgn(out) < 0 && degree % 2 == 0))
        return EV_FAIL;
    bool exact = mpz_root(mpq_numref(out), mpq_numref(out), degree) != 0;
    exact &= mpz_root(mpq_denref(out), mpq_denref(out), degree) != 0;
    return exact ? EV_OK : EV_FAIL;
}

static enum ev big_whole(struct budget *b, const struct node *x, mpq_t out)
{
    enum ev ev = exact_big(b, x->kid[0], out);
    if (ev != EV_OK)
        return ev;
    mpz_t z;
    mpz_init(z);
    if (x->func == FUNC_FLOOR)
        mpz_fdiv_q(z, mpq_numref(out), mpq_denref(out));
    else
        mpz_cdiv_q(z, mpq_numref(out), mpq_denref(out));
    mpq_set_z(out, z);
    mpz_clear(z);
    return EV_OK;
}

static enum ev big_factorial(struct budget *b, const struct node *x, mpq_t out)
{
    struct small a;
    if (!exact_small(x->kid[0], &a) || a.d != 1 || a.n < 0 || a.n > 5000)
        return EV_FAIL;
    if (!budget_take(b, 1 + a.n))
        return EV_LIMIT;
    if (x->func == FUNC_FACT2)
        mpz_2fac_ui(mpq_numref(out), (unsigned long)a.n);
    else
        mpz_fac_ui(mpq_numref(out), (unsigned long)a.n);
    mpz_set_ui(mpq_denref(out), 1);
    return EV_OK;
}

static enum ev big_binomial(struct budget *b, const struct node *x, mpq_t out)
{
    struct small n, k;
    if (!exact_small(x->kid[0], &n) || !exact_small(x->kid[1], &k) || n.d != 1 || k.d != 1 ||
        k.n < 0 || n.n < 0 || k.n > 5000 || n.n > 1000000)
        return EV_FAIL;
    if (!budget_take(b, 1 + k.n * 4))
        return EV_LIMIT;
    mpz_bin_uiui(mpq_numref(out), (unsigned long)n.n, (unsigned long)k.n);
    mpz_set_ui(mpq_denref(out), 1);
    return EV_OK;
}

/* max, min, gcd, lcm of rationals (integers for the last two). */
static enum ev big_several(struct budget *b, const struct node *x, mpq_t out)
{
    mpq_t q;
    enum ev ev = exact_big(b, x->kid[0], out);
    mpq_init(q);
    for (uint32_t i = 1; ev == EV_OK && i < x->n; i++) {
        ev = exact_big(b, x->kid[i], q);
        if (ev != EV_OK)
            break;
        bool whole = mpz_cmp_ui(mpq_denref(q), 1) == 0 && mpz_cmp_ui(mpq_denref(out), 1) == 0;
        if (x->func == FUNC_MAX || x->func == FUNC_MIN) {
            int c = mpq_cmp(q, out);
            if (x->func == FUNC_MAX ? c > 0 : c < 0)
                mpq_set(out, q);
        } else if (!whole) {
            ev = EV_FAIL;
        } else if (x->func == FUNC_GCD) {
            mpz_gcd(mpq_numref(out), mpq_numref(out), mpq_numref(q));
        } else if (x->func == FUNC_LCM) {
            mpz_lcm(mpq_numref(out), mpq_numref(out), mpq_numref(q));
            if (too_large(b, out))
                ev = EV_LIMIT;
        } else {
            ev = EV_FAIL;
        }
    }
    mpq_clear(q);
    return ev;
}

static enum ev big_func(struct budget *b, const struct node *x, mpq_t out)
{
    struct small degree;
    enum ev ev;
    switch (x->func) {
    case FUNC_SQRT: return big_root(b, x->kid[0], 2, out);
    case FUNC_ROOT:
        if (!exact_small(x->kid[0], &degree) || degree.d != 1 || degree.n < 1 || degree.n > 64)
            return EV_FAIL;
        return big_root(b, x->kid[1], (unsigned long)degree.n, out);
    case FUNC_ABS:
        ev = exact_big(b, x->kid[0], out);
        if (ev == EV_OK)
            mpq_abs(out, out);
        return ev;
    case FUNC_FACT:
    case FUNC_FACT2: return big_factorial(b, x, out);
    case FUNC_BINOM: return x->n == 2 ? big_binomial(b, x, out) : EV_FAIL;
    case FUNC_FLOOR:
    case FUNC_CEIL: return big_whole(b, x, out);
    case FUNC_MAX:
    case FUNC_MIN:
    case FUNC_GCD:
    case FUNC_LCM: return big_several(b, x, out);
    default: return EV_FAIL;
    }
}

static enum ev big_combine(struct budget *b, const struct node *x, mpq_t out)
{
    enum ev ev = exact_big(b, x->kid[0], out);
    mpq_t q;
    mpq_init(q);
    for (uint32_t i = 1; ev == EV_OK && i < x->n; i++) {
        ev = exact_big(b, x->kid[i], q);
        if (ev != EV_OK)
            break;
        if (x->op == OP_ADD) {
            mpq_add(out, out, q);
        } else if (x->op == OP_MUL) {
            mpq_mul(out, out, q);
        } else if (mpq_sgn(q) == 0) {
            ev = EV_UNDEFINED;
        } else {
            mpq_div(out, out, q);
        }
        size_t bits = mpz_sizeinbase(mpq_numref(out), 2) + mpz_sizeinbase(mpq_denref(out), 2);
        if (ev == EV_OK && !budget_take(b, 2 + (int64_t)bits / 256))
            ev = EV_LIMIT;
        if (ev == EV_OK && too_large(b, out))
            ev = EV_LIMIT;
    }
    mpq_clear(q);
    return ev;
}

enum ev exact_big(struct budget *b, const struct node *x, mpq_t out)
{
    struct small s;
    if (!budget_take(b, 1))
        return EV_LIMIT;
    switch (x->op) {
    case OP_NUM: return big_num(b, x, out);
    case OP_BASE:
        if (!small_base(x, &s))
            return EV_FAIL;
        mpq_set_si(out, s.n, 1);
        return EV_OK;
    case OP_ADD:
    case OP_MUL:
    case OP_DIV: return big_combine(b, x, out);
    case OP_NEG: {
        enum ev ev = exact_big(b, x->kid[0], out);
        if (ev == EV_OK)
            mpq_neg(out, out);
        return ev;
    }
    case OP_POW: return big_pow(b, x, out);
    case OP_PERCENT: {
        enum ev ev = exact_big(b, x->kid[0], out);
        if (ev == EV_OK) {
            mpz_mul_ui(mpq_denref(out), mpq_denref(out), 100);
            mpq_canonicalize(out);
        }
        return ev;
    }
    case OP_UNIT: return exact_big(b, x->kid[0], out);
    case OP_FUNC: return big_func(b, x, out);
    default: return EV_FAIL;
    }
}
