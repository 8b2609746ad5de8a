/* ball.c - enclosures of real and complex values.  See eval.h.
 *
 * Branches: an odd root of a negative number is the negative real root; even
 * roots and logarithms of negative numbers are complex for constants and where
 * i occurs, and outside the domain where they depend on variables. */
#include "answer/balls.h"

#include <string.h>

struct bound_real {
    struct str name;
    long value;
    const struct bound_real *next;
};

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
            ev = ball_integer_power(at, out, &e, (long)s.n);
        goto done;
    }
    ev = ball_eval(at, exponent, &e);
    if (ev != EV_OK)
        goto done;
    if (ball_is_whole(&e, &n)) {
        if (a.real && iv_is_zero(&a.re) && n <= 0)
            ev = EV_UNDEFINED;
        else
            ev = ball_integer_power(at, out, &a, n);
    } else if (a.real && iv_is_zero(&a.re) && iv_positive(&e.re)) {
        iv_set_si(&out->re, 0);
        out->real = true;
    } else {
        ev = ball_power(at, out, &a, &e);
    }
done:
    ball_clear(&a);
    ball_clear(&e);
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
    case OP_FUNC: return ball_function(at, x, out);
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
