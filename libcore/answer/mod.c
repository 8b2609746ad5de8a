/* mod.c - values in a prime field.  See eval.h. */
#include "answer/eval.h"

#include <string.h>

__extension__ typedef unsigned __int128 uint128;

static const uint64_t P = MOD_PRIME;
static const uint64_t ORDER = MOD_PRIME - 1; /* of the field's units: 2q */

struct binding {
    struct str name;
    uint64_t value;
    const struct binding *next;
};

/* ---- the field ---- */

uint64_t mod_mul(uint64_t a, uint64_t b)
{
    return (uint64_t)((uint128)a * b % P);
}

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t s = a + b;
    return s >= P ? s - P : s;
}

static uint64_t sub(uint64_t a, uint64_t b)
{
    return a >= b ? a - b : a + P - b;
}

uint64_t mod_pow(uint64_t a, uint64_t e)
{
    uint64_t r = 1;
    for (; e; e >>= 1) {
        if (e & 1)
            r = mod_mul(r, a);
        a = mod_mul(a, a);
    }
    return r;
}

static struct mod_value real_value(uint64_t v)
{
    return (struct mod_value){v, 0};
}

static struct mod_value add2(struct mod_value a, struct mod_value b)
{
    return (struct mod_value){add(a.re, b.re), add(a.im, b.im)};
}

struct mod_value mod_sub2(struct mod_value a, struct mod_value b)
{
    return (struct mod_value){sub(a.re, b.re), sub(a.im, b.im)};
}

struct mod_value mod_mul2(struct mod_value a, struct mod_value b)
{
    if (!a.im && !b.im)
        return real_value(mod_mul(a.re, b.re));
    return (struct mod_value){sub(mod_mul(a.re, b.re), mod_mul(a.im, b.im)),
                              add(mod_mul(a.re, b.im), mod_mul(a.im, b.re))};
}

bool mod_inv2(struct mod_value a, struct mod_value *out)
{
    uint64_t norm = add(mod_mul(a.re, a.re), mod_mul(a.im, a.im));
    if (!norm)
        return false;
    uint64_t inv = mod_pow(norm, P - 2);
    *out = (struct mod_value){mod_mul(a.re, inv), mod_mul(sub(0, a.im), inv)};
    return true;
}

/* ---- hashes ---- */

uint64_t mod_mix(uint64_t h, uint64_t v)
{
    h ^= v + UINT64_C(0x9e3779b97f4a7c15) + (h << 6) + (h >> 2);
    h ^= h >> 30;
    h *= UINT64_C(0xbf58476d1ce4e5b9);
    h ^= h >> 27;
    h *= UINT64_C(0x94d049bb133111eb);
    return h ^ (h >> 31);
}

static uint64_t name_value(const struct mod *m, struct str name)
{
    return mod_mix(mod_mix(0x6e616d65, m->point), str_hash(name)) % (P - 4) + 2;
}

static struct mod_value hashed(struct mod *m, const char *what, uint64_t a, uint64_t b)
{
    uint64_t h = mod_mix(mod_mix(mod_mix(str_hash(str_of(what)), m->point), a), b);
    return real_value(h % P);
}

static struct mod_value opaque(struct mod *m, const char *what, struct mod_value v, uint64_t b)
{
    m->opaque = true;
    return hashed(m, what, mod_mix(v.re, v.im), b);
}

uint64_t mod_hash(struct mod *m, const struct node *x)
{
    struct mod_value v;
    if (mod_eval(m, x, &v) == EV_OK)
        return mod_mix(v.re, v.im);
    uint64_t h = mod_mix(x->op, x->func);
    h = mod_mix(h, x->name.n ? str_hash(x->name) : 0);
    h = mod_mix(h, (uint64_t)(uint32_t)x->scale << 32 | x->rows);
    h = mod_mix(h, (uint64_t)(unsigned char)x->open << 8 | (unsigned char)x->close);
    for (uint32_t i = 0; i < x->n; i++)
        h = mod_mix(h, mod_mix(mod_hash(m, x->kid[i]), x->op == OP_REL && i ? x->rel[i - 1] : 0));
    return h;
}

/* ---- numbers ---- */

static uint64_t digits_mod(struct str s, unsigned base, uint64_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A') + 10;
        v = (uint64_t)(((uint128)v * base + digit) % n);
    }
    return v;
}

static uint64_t pow_mod_n(uint64_t a, uint64_t e, uint64_t n)
{
    uint64_t r = 1 % n;
    for (a %= n; e; e >>= 1) {
        if (e & 1)
            r = (uint64_t)((uint128)r * a % n);
        a = (uint64_t)((uint128)a * a % n);
    }
    return r;
}

/* The inverse modulo n, or 0. */
static uint64_t inverse_mod(uint64_t a, uint64_t n)
{
    __extension__ typedef __int128 int128;
    int128 t = 0, u = 1, r = n, s = a % n;
    while (s) {
        int128 q = r / s, w = t - q * u;
        t = u;
        u = w;
        w = r - q * s;
        r = s;
        s = w;
    }
    if (r != 1)
        return 0;
    return (uint64_t)(t < 0 ? t + n : t);
}

static bool find_bound(const struct mod *m, struct str name, uint64_t *v)
{
    for (const struct binding *b = m->bound; b; b = b->next)
        if (str_eq(b->name, name)) {
            *v = b->value;
            return true;
        }
    return false;
}

/* An exponent: an integer modulo the order of the units, where variables stand
 * for the integers that they stand for elsewhere. */
static enum ev exponent(struct mod *m, const struct node *x, uint64_t *out)
{
    uint64_t a;
    if (!budget_take(m->budget, 1))
        return EV_LIMIT;
    switch (x->op) {
    case OP_NUM: {
        uint64_t v = digits_mod(x->name, 10, ORDER);
        if (x->scale < 0) /* ten has no inverse here, unless the decimals are zeros */
            for (int32_t i = 0; i < -x->scale; i++)
                if ((size_t)i < x->name.n && x->name.p[x->name.n - 1 - (size_t)i] != '0')
                    return EV_FAIL;
        if (x->scale < 0)
            v = x->name.n > (size_t)-x->scale
                    ? digits_mod(str_slice(x->name, 0, x->name.n - (size_t)-x->scale), 10, ORDER)
                    : 0;
        else if (x->scale > 0)
            v = (uint64_t)((uint128)v * pow_mod_n(10, (uint64_t)x->scale, ORDER) % ORDER);
        *out = v;
        return EV_OK;
    }
    case OP_NAME:
        if (!find_bound(m, x->name, out))
            *out = name_value(m, x->name);
        return EV_OK;
    case OP_I: return find_bound(m, STR("i"), out) ? EV_OK : EV_FAIL;
    case OP_PI: *out = name_value(m, STR("\\pi")); return EV_OK;
    case OP_CALL: *out = mod_hash(m, x) % (P - 4) + 2; return EV_OK;
    case OP_NEG: {
        enum ev ev = exponent(m, x->kid[0], &a);
        *out = a ? ORDER - a : 0;
        return ev;
    }
    case OP_ADD:
    case OP_MUL: {
        uint64_t r = x->op == OP_MUL;
        for (uint32_t i = 0; i < x->n; i++) {
            enum ev ev = exponent(m, x->kid[i], &a);
            if (ev != EV_OK)
                return ev;
            r = x->op == OP_ADD ? (uint64_t)(((uint128)r + a) % ORDER)
                                : (uint64_t)((uint128)r * a % ORDER);
        }
        *out = r;
        return EV_OK;
    }
    case OP_DIV: {
        struct small s;
        if (exact_small(x, &s)) { /* lowest terms: 2/6 is 1/3 */
            uint64_t inv = inverse_mod((uint64_t)s.d, ORDER);
            if (!inv)
                return EV_FAIL;
            uint64_t n = (uint64_t)(s.n < 0 ? -s.n : s.n) % ORDER;
            n = s.n < 0 && n ? ORDER - n : n;
            *out = (uint64_t)((uint128)n * inv % ORDER);
            return EV_OK;
        }
        struct small d;
        if (!exact_small(x->kid[1], &d) || d.d != 1 || d.n == 0)
            return EV_FAIL;
        uint64_t inv = inverse_mod((uint64_t)(d.n < 0 ? -d.n : d.n), ORDER);
        enum ev ev = inv ? exponent(m, x->kid[0], &a) : EV_FAIL;
        if (ev != EV_OK)
            return ev;
        a = (uint64_t)((uint128)a * inv % ORDER);
        *out = d.n < 0 && a ? ORDER - a : a;
        return EV_OK;
    }
    case OP_POW: {
        struct small e;
        if (!exact_small(x->kid[1], &e) || e.d != 1 || e.n < 0)
            return EV_FAIL;
        enum ev ev = exponent(m, x->kid[0], &a);
        if (ev == EV_OK)
            *out = pow_mod_n(a, (uint64_t)e.n, ORDER);
        return ev;
    }
    default: return EV_FAIL;
    }
}

/* ---- powers and roots ---- */

/* The root of even degree is a hash of degree and radicand, the same for every
 * way to write it. */
static struct mod_value even_root(struct mod *m, struct mod_value v, uint64_t degree)
{
    return opaque(m, "root", v, degree);
}

static struct mod_value pow2(struct mod_value a, uint64_t e)
{
    struct mod_value r = {1, 0};
    for (; e; e >>= 1) {
        if (e & 1)
            r = mod_mul2(r, a);
        a = mod_mul2(a, a);
    }
    return r;
}

static enum ev signed_power(struct mod_value a, int64_t e, struct mod_value *out)
{
    if (e < 0 && !mod_inv2(a, &a))
        return EV_UNDEFINED;
    *out = pow2(a, (uint64_t)(e < 0 ? -e : e));
    return EV_OK;
}

static enum ev raise(struct mod *m, struct mod_value a, const struct node *e, struct mod_value *out)
{
    struct small s;
    bool rational = exact_small(e, &s);
    if (!budget_take(m->budget, 8))
        return EV_LIMIT;
    if (rational && s.d == 1) {
        if (!a.re && !a.im && s.n <= 0)
            return EV_UNDEFINED;
        return signed_power(a, s.n, out);
    }
    uint64_t k;
    enum ev ev = exponent(m, e, &k);
    if (ev == EV_LIMIT)
        return ev;
    if (ev == EV_OK && !a.im) {
        if (!a.re)
            return EV_UNDEFINED;
        *out = real_value(mod_pow(a.re, k));
        return EV_OK;
    }
    if (rational && s.d % 2 == 0 && s.d < 1000)
        return signed_power(even_root(m, a, (uint64_t)s.d), s.n, out);
    *out = opaque(m, "power", a, mod_hash(m, e));
    return EV_OK;
}

static enum ev root(struct mod *m, const struct node *degree, const struct node *radicand,
                    struct mod_value *out)
{
    struct mod_value a;
    struct small d = {2, 1};
    enum ev ev = mod_eval(m, radicand, &a);
    if (ev != EV_OK)
        return ev;
    if (degree && (!exact_small(degree, &d) || d.d != 1 || d.n < 1 || d.n > 1000)) {
        *out = opaque(m, "roots", a, mod_hash(m, degree));
        return EV_OK;
    }
    uint64_t inv = inverse_mod((uint64_t)d.n, ORDER);
    if (!inv || a.im)
        *out = even_root(m, a, (uint64_t)d.n);
    else
        *out = real_value(mod_pow(a.re, inv));
    return EV_OK;
}

/* ---- functions ---- */

static enum ev factorial(struct mod *m, const struct node *x, struct mod_value *out)
{
    struct small a;
    if (exact_small(x->kid[0], &a) && a.d == 1 && a.n >= 0 && a.n <= ANSWER_FACTORIAL_MAX) {
        uint64_t v = 1, step = x->func == FUNC_FACT2 ? 2 : 1;
        if (!budget_take(m->budget, a.n / 4))
            return EV_LIMIT;
        for (uint64_t i = (uint64_t)a.n; i > 1; i -= i > step ? step : i)
            v = mod_mul(v, i);
        *out = real_value(v);
        return EV_OK;
    }
    struct mod_value v;
    enum ev ev = mod_eval(m, x->kid[0], &v);
    if (ev == EV_OK)
        *out = opaque(m, "factorial", v, x->func);
    return ev;
}

static enum ev binomial(struct mod *m, const struct node *x, struct mod_value *out)
{
    struct small k;
    struct mod_value n, v;
    enum ev ev = mod_eval(m, x->kid[0], &n);
    if (ev != EV_OK)
        return ev;
    if (exact_small(x->kid[1], &k) && k.d == 1 && k.n >= 0 && k.n <= 2000) {
        if (!budget_take(m->budget, k.n))
            return EV_LIMIT;
        uint64_t den = 1;
        *out = real_value(1);
        for (uint64_t i = 0; i < (uint64_t)k.n; i++) {
            *out = mod_mul2(*out, mod_sub2(n, real_value(i)));
            den = mod_mul(den, i + 1);
        }
        *out = mod_mul2(*out, real_value(mod_pow(den, P - 2)));
        return EV_OK;
    }
    ev = mod_eval(m, x->kid[1], &v);
    if (ev == EV_OK)
        *out = opaque(m, "binomial", n, mod_mix(v.re, v.im));
    return ev;
}

static enum ev determinant(struct mod *m, const struct node *x, struct mod_value *out)
{
    enum { SIDE = 8 };
    struct mod_value a[SIDE][SIDE];
    const struct node *t = x->kid[0];
    if (t->op != OP_MATRIX || t->rows > SIDE || t->n != t->rows * t->rows)
        return EV_FAIL;
    uint32_t n = t->rows;
    for (uint32_t i = 0; i < t->n; i++) {
        enum ev ev = mod_eval(m, t->kid[i], &a[i / n][i % n]);
        if (ev != EV_OK)
            return ev;
    }
    *out = real_value(1);
    for (uint32_t c = 0; c < n; c++) {
        uint32_t r = c;
        while (r < n && !a[r][c].re && !a[r][c].im)
            r++;
        if (r == n) {
            *out = real_value(0);
            return EV_OK;
        }
        if (r != c) {
            for (uint32_t k = 0; k < n; k++) {
                struct mod_value t0 = a[r][k];
                a[r][k] = a[c][k];
                a[c][k] = t0;
            }
            *out = mod_sub2(real_value(0), *out);
        }
        struct mod_value inv;
        if (!mod_inv2(a[c][c], &inv))
            return EV_FAIL;
        *out = mod_mul2(*out, a[c][c]);
        for (r = c + 1; r < n; r++) {
            struct mod_value f = mod_mul2(a[r][c], inv);
            for (uint32_t k = c; k < n; k++)
                a[r][k] = mod_sub2(a[r][k], mod_mul2(f, a[c][k]));
        }
    }
    return EV_OK;
}

static enum ev symmetric(struct mod *m, const struct node *x, struct mod_value *out)
{
    /* max, min, gcd, lcm: the sum and the product of hashes do not know the order */
    uint64_t sum = 0, product = 1;
    for (uint32_t i = 0; i < x->n; i++) {
        struct mod_value v;
        enum ev ev = mod_eval(m, x->kid[i], &v);
        if (ev != EV_OK)
            return ev;
        uint64_t h = mod_mix(v.re, v.im);
        sum += h;
        product *= h | 1;
    }
    *out = opaque(m, "symmetric", (struct mod_value){sum, product}, x->func);
    return EV_OK;
}

static enum ev conjugate(struct mod *m, const struct node *x, struct mod_value *out)
{
    enum ev ev = mod_eval(m, x->kid[0], out);
    if (ev != EV_OK)
        return ev;
    if (m->opaque || node_has_name(x->kid[0], NULL)) {
        *out = opaque(m, "conjugate", *out, x->func);
        return EV_OK;
    }
    *out = x->func == FUNC_RE   ? real_value(out->re)
           : x->func == FUNC_IM ? real_value(out->im)
                                : (struct mod_value){out->re, sub(0, out->im)};
    return EV_OK;
}

static enum ev known_function(struct mod *m, const struct node *x, struct mod_value *out)
{
    struct mod_value v;
    enum ev ev;
    switch (x->func) {
    case FUNC_SQRT: return root(m, NULL, x->kid[0], out);
    case FUNC_ROOT: return root(m, x->kid[0], x->kid[1], out);
    case FUNC_FACT:
    case FUNC_FACT2: return factorial(m, x, out);
    case FUNC_BINOM: return x->n == 2 ? binomial(m, x, out) : EV_FAIL;
    case FUNC_EXP: return raise(m, real_value(name_value(m, STR("\\e"))), x->kid[0], out);
    case FUNC_DET: return determinant(m, x, out);
    case FUNC_MAX:
    case FUNC_MIN:
    case FUNC_GCD:
    case FUNC_LCM: return symmetric(m, x, out);
    case FUNC_RE:
    case FUNC_IM:
    case FUNC_CONJ: return conjugate(m, x, out);
    case FUNC_ABS:
    case FUNC_COS: /* even functions do not see the sign */
        ev = mod_eval(m, x->kid[0], &v);
        if (ev != EV_OK)
            return ev;
        if (v.re > P - v.re || (!v.re && v.im > P - v.im))
            v = mod_sub2(real_value(0), v);
        *out = opaque(m, "even", v, x->func);
        return EV_OK;
    default: break;
    }
    uint64_t h = x->func;
    for (uint32_t i = 0; i < x->n; i++) {
        ev = mod_eval(m, x->kid[i], &v);
        if (ev != EV_OK)
            return ev;
        h = mod_mix(h, mod_mix(v.re, v.im));
    }
    m->opaque = true;
    *out = hashed(m, "function", h, x->n);
    return EV_OK;
}

/* A sum or product: written out if it is short, else a hash that does not
 * depend on the index's name. */
static enum ev big(struct mod *m, const struct node *x, struct mod_value *out)
{
    struct small from, to;
    struct binding b = {x->kid[0]->name, 0, m->bound};
    const struct binding *outer = m->bound;
    bool sum = x->func == FUNC_SUM;
    if (exact_small(x->kid[1], &from) && exact_small(x->kid[2], &to) && from.d == 1 && to.d == 1 &&
        from.n >= 0 && to.n >= from.n && to.n - from.n < ANSWER_RANGE_MAX) {
        *out = real_value(!sum);
        enum ev ev = EV_OK;
        m->bound = &b;
        for (int64_t k = from.n; ev == EV_OK && k <= to.n; k++) {
            struct mod_value v;
            b.value = (uint64_t)k;
            ev = mod_eval(m, x->kid[3], &v);
            if (ev == EV_OK)
                *out = sum ? add2(*out, v) : mod_mul2(*out, v);
        }
        m->bound = outer;
        return ev;
    }
    uint64_t h = mod_mix(mod_hash(m, x->kid[1]), mod_hash(m, x->kid[2]));
    m->bound = &b;
    for (uint64_t k = 0; k < 2; k++) {
        b.value = mod_mix(UINT64_C(0x1d8e4e27c47d124f), k) % (P - 4) + 2;
        h = mod_mix(h, mod_hash(m, x->kid[3]));
    }
    m->bound = outer;
    *out = hashed(m, sum ? "sum" : "product", h, 0);
    return EV_OK;
}

static enum ev fold(struct mod *m, const struct node *x, struct mod_value *out)
{
    *out = real_value(x->op == OP_MUL);
    for (uint32_t i = 0; i < x->n; i++) {
        struct mod_value v;
        enum ev ev = mod_eval(m, x->kid[i], &v);
        if (ev != EV_OK)
            return ev;
        *out = x->op == OP_ADD ? add2(*out, v) : mod_mul2(*out, v);
    }
    return EV_OK;
}

static enum ev number(const struct node *x, struct mod_value *out)
{
    uint64_t v = digits_mod(x->name, 10, P);
    if (x->scale) {
        uint64_t ten = mod_pow(10, (uint64_t)(x->scale < 0 ? -x->scale : x->scale));
        v = mod_mul(v, x->scale < 0 ? mod_pow(ten, P - 2) : ten);
    }
    *out = real_value(v);
    return EV_OK;
}

enum ev mod_eval(struct mod *m, const struct node *x, struct mod_value *out)
{
    struct mod_value a = {0, 0}, b = {0, 0};
    uint64_t bound;
    enum ev ev;
    if (!budget_take(m->budget, 1))
        return EV_LIMIT;
    switch (x->op) {
    case OP_NUM: return number(x, out);
    case OP_BASE: *out = real_value(digits_mod(x->name, (unsigned)x->scale, P)); return EV_OK;
    case OP_NAME:
        *out = real_value(find_bound(m, x->name, &bound) ? bound : name_value(m, x->name));
        return EV_OK;
    case OP_PI: *out = real_value(name_value(m, STR("\\pi"))); return EV_OK;
    case OP_E: *out = real_value(name_value(m, STR("\\e"))); return EV_OK;
    case OP_I:
        *out = find_bound(m, STR("i"), &bound) ? real_value(bound) : (struct mod_value){0, 1};
        return EV_OK;
    case OP_ADD:
    case OP_MUL: return fold(m, x, out);
    case OP_NEG:
        ev = mod_eval(m, x->kid[0], &a);
        *out = mod_sub2(real_value(0), a);
        return ev;
    case OP_DIV:
        ev = mod_eval(m, x->kid[0], &a);
        if (ev == EV_OK)
            ev = mod_eval(m, x->kid[1], &b);
        if (ev == EV_OK && (!budget_take(m->budget, 4) || !mod_inv2(b, &b)))
            ev = EV_UNDEFINED;
        if (ev == EV_OK)
            *out = mod_mul2(a, b);
        return ev;
    case OP_POW:
        ev = mod_eval(m, x->kid[0], &a);
        return ev == EV_OK ? raise(m, a, x->kid[1], out) : ev;
    case OP_PERCENT:
        ev = mod_eval(m, x->kid[0], &a);
        *out = mod_mul2(a, real_value(mod_pow(100, P - 2)));
        return ev;
    case OP_DEGREE:
        ev = mod_eval(m, x->kid[0], &a);
        *out = mod_mul2(a, real_value(mod_mul(name_value(m, STR("\\pi")), mod_pow(180, P - 2))));
        return ev;
    case OP_UNIT: return mod_eval(m, x->kid[0], out);
    case OP_FUNC: return known_function(m, x, out);
    case OP_BIG: return big(m, x, out);
    case OP_CALL: {
        uint64_t h = str_hash(x->name);
        for (uint32_t i = 0; i < x->n; i++)
            h = mod_mix(h, mod_hash(m, x->kid[i]));
        *out = hashed(m, "call", h, x->n);
        return EV_OK;
    }
    default: return EV_FAIL;
    }
}
