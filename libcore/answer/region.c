/* region.c - sets of real numbers: intervals, unions, conditions.  See compare.h. */
#include "answer/compare.h"

#include <string.h>

/* ---- building ---- */

static bool put(struct compare *c, struct region *r, struct span s)
{
    if (r->n == ANSWER_TERMS_MAX)
        return false;
    if ((r->n & (r->n - 1)) == 0) { /* full at powers of two */
        struct span *v = arena_array(c->a, r->n ? r->n * 2 : 1, sizeof *v);
        if (r->n)
            memcpy(v, r->span, r->n * sizeof *v);
        r->span = v;
    }
    r->span[r->n++] = s;
    return true;
}

static bool is_infinite(const struct node *x)
{
    return x->op == OP_INF || (x->op == OP_NEG && x->kid[0]->op == OP_INF);
}

/* Lower ends in order: NULL is -infinity; equal ends with the closed one first. */
static bool cmp_lo(struct compare *c, const struct span *a, const struct span *b, int *order)
{
    if (!a->lo || !b->lo) {
        *order = (a->lo != NULL) - (b->lo != NULL);
        return true;
    }
    if (!value_order(c, a->lo, b->lo, order))
        return false;
    if (*order == 0)
        *order = (int)b->lo_in - (int)a->lo_in;
    return true;
}

/* Does a end before b begins, with a gap between them? */
static bool gap_between(struct compare *c, const struct span *a, const struct span *b, bool *gap)
{
    int order;
    *gap = false;
    if (!a->hi || !b->lo)
        return true;
    if (!value_order(c, a->hi, b->lo, &order))
        return false;
    *gap = order < 0 || (order == 0 && !a->hi_in && !b->lo_in);
    return true;
}

/* Does a's upper end lie beyond b's? */
static bool reaches_further(struct compare *c, const struct span *a, const struct span *b,
                            bool *further)
{
    int order;
    if (!a->hi || !b->hi) {
        *further = !a->hi && b->hi;
        return true;
    }
    if (!value_order(c, a->hi, b->hi, &order))
        return false;
    *further = order > 0 || (order == 0 && a->hi_in && !b->hi_in);
    return true;
}

/* Disjoint spans in order; empty ones gone. */
static bool normalise(struct compare *c, struct region *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        struct span *s = &r->span[i];
        int order = -1;
        if (s->lo && s->hi && !value_order(c, s->lo, s->hi, &order))
            return false;
        if (order > 0 || (order == 0 && !(s->lo_in && s->hi_in)))
            continue;
        r->span[n++] = *s;
    }
    r->n = n;
    for (uint32_t i = 1; i < n; i++) { /* binary insertion; mostly they come in order */
        struct span s = r->span[i];
        uint32_t from = 0, to = i;
        for (uint32_t k = i - 1; from < to; k = from + (to - from) / 2) {
            int order;
            if (!cmp_lo(c, &r->span[k], &s, &order))
                return false;
            if (order <= 0)
                from = k + 1;
            else
                to = k;
        }
        memmove(&r->span[from + 1], &r->span[from], (i - from) * sizeof s);
        r->span[from] = s;
    }
    uint32_t out = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool gap = true, further;
        if (out && !gap_between(c, &r->span[out - 1], &r->span[i], &gap))
            return false;
        if (gap) {
            r->span[out++] = r->span[i];
            continue;
        }
        if (!reaches_further(c, &r->span[i], &r->span[out - 1], &further))
            return false;
        if (further) {
            r->span[out - 1].hi = r->span[i].hi;
            r->span[out - 1].hi_in = r->span[i].hi_in;
        }
    }
    r->n = out;
    return true;
}

static bool intersect(struct compare *c, const struct region *a, const struct region *b,
                      struct region *out)
{
    struct region r = {.about = a->about ? a->about : b->about};
    if ((uint64_t)a->n * b->n > ANSWER_TERMS_MAX)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        for (uint32_t k = 0; k < b->n; k++) {
            struct span s;
            const struct span *x = &a->span[i], *y = &b->span[k];
            int order;
            bool further;
            if (!cmp_lo(c, x, y, &order) || !reaches_further(c, x, y, &further))
                return false;
            const struct span *from = order >= 0 ? x : y, *to = further ? y : x;
            s = (struct span){from->lo, to->hi, from->lo_in, to->hi_in};
            int empty = -1;
            if (s.lo && s.hi && !value_order(c, s.lo, s.hi, &empty))
                return false;
            if (empty < 0 || (empty == 0 && s.lo_in && s.hi_in))
                if (!put(c, &r, s))
                    return false;
        }
    *out = r;
    return normalise(c, out);
}

static bool complement(struct compare *c, const struct region *a, struct region *out)
{
    struct region r = {.about = a->about};
    const struct node *lo = NULL;
    bool lo_in = false;
    for (uint32_t i = 0; i < a->n; i++) {
        if (i || a->span[0].lo)
            if (!put(c, &r, (struct span){lo, a->span[i].lo, lo_in, !a->span[i].lo_in}))
                return false;
        lo = a->span[i].hi;
        lo_in = !a->span[i].hi_in;
    }
    if (!a->n || lo)
        if (!put(c, &r, (struct span){lo, NULL, lo_in, false}))
            return false;
    *out = r;
    return normalise(c, out);
}

static bool unite(struct compare *c, const struct region *a, const struct region *b,
                  struct region *out)
{
    struct region r = {.about = a->about ? a->about : b->about};
    for (uint32_t i = 0; i < a->n + b->n; i++)
        if (!put(c, &r, i < a->n ? a->span[i] : b->span[i - a->n]))
            return false;
    *out = r;
    return normalise(c, out);
}

/* ---- conditions ---- */

static bool about_agrees(const struct node *a, const struct node *b)
{
    return !a || !b || node_same(a, b);
}

/* v < k and its kin as a region. */
static bool half_line(struct compare *c, enum rel rel, const struct node *k, struct region *out)
{
    struct region r = {0};
    bool ok;
    if (is_infinite(k)) /* x < infinity */
        return (rel == REL_LT) == (k->op == OP_INF) &&
               put(c, out, (struct span){NULL, NULL, false, false});
    switch (rel) {
    case REL_LT:
    case REL_LE: ok = put(c, &r, (struct span){NULL, k, false, rel == REL_LE}); break;
    case REL_GT:
    case REL_GE: ok = put(c, &r, (struct span){k, NULL, rel == REL_GE, false}); break;
    case REL_EQ: ok = put(c, &r, (struct span){k, k, true, true}); break;
    case REL_NE:
        ok = put(c, &r, (struct span){NULL, k, false, false}) &&
             put(c, &r, (struct span){k, NULL, false, false});
        break;
    default: return false;
    }
    *out = r;
    return ok;
}

static enum rel mirrored(enum rel r)
{
    switch (r) {
    case REL_LT: return REL_GT;
    case REL_LE: return REL_GE;
    case REL_GT: return REL_LT;
    case REL_GE: return REL_LE;
    default: return r;
    }
}

/* The variable that x depends on, if it is exactly one; NULL otherwise. */
static const struct node *only_variable(const struct node *x, bool *many)
{
    const struct node *v = NULL;
    if (x->op == OP_NAME || x->op == OP_CALL || (x->op == OP_MUL && x->flags & NODE_CALL))
        return x;
    for (uint32_t i = 0; i < x->n; i++) {
        const struct node *w = only_variable(x->kid[i], many);
        if (w && v && !node_same(v, w))
            *many = true;
        v = v ? v : w;
    }
    return v;
}

static bool solve(struct compare *c, struct node *l, enum rel rel, struct node *r,
                  struct region *out);

/* |v| rel k, with k constant. */
static bool absolute(struct compare *c, struct node *inside, enum rel rel, struct node *k,
                     struct region *out)
{
    struct node *minus = node_1(c->a, OP_NEG, k);
    struct region a = {0}, b = {0};
    int order;
    if (!value_order(c, k, node_int(c->a, 0), &order))
        return false;
    bool inner = rel == REL_LT || rel == REL_LE;
    if (!inner && order < 0)
        return half_line(c, REL_LT, node_0(c->a, OP_INF), out);
    if (rel == REL_NE || rel == REL_EQ || !inner) {
        if (!solve(c, inside, rel, k, &a) || !solve(c, inside, mirrored(rel), minus, &b))
            return false;
        return rel == REL_NE ? intersect(c, &a, &b, out) : unite(c, &a, &b, out);
    }
    return solve(c, inside, rel, k, &a) && solve(c, inside, mirrored(rel), minus, &b) &&
           intersect(c, &a, &b, out);
}

/* A condition that is linear in one variable: f(v) = f(0) + v (f(1) - f(0)). */
static bool linear(struct compare *c, struct node *l, enum rel rel, struct node *r,
                   struct region *out)
{
    bool many = false;
    struct node *d = value_difference(c, l, r);
    const struct node *v = only_variable(d, &many);
    if (!v || many || v->op != OP_NAME || !value_is_expression(d))
        return false;
    struct node *f[4];
    for (int k = 0; k < 4; k++) {
        f[k] = value_substitute(c, d, v->name, node_int(c->a, k == 3 ? 7 : k));
        if (!value_is_constant(f[k]))
            return false;
    }
    struct node *slope = value_difference(c, f[1], f[0]);
    struct node *second =
        node_2(c->a, OP_ADD, f[0], node_2(c->a, OP_MUL, node_int(c->a, 2), slope));
    struct node *third = node_2(c->a, OP_ADD, f[0], node_2(c->a, OP_MUL, node_int(c->a, 7), slope));
    int sign;
    if (!value_equal(c, f[2], second) || !value_equal(c, f[3], third) ||
        !value_order(c, slope, node_int(c->a, 0), &sign) || sign == 0)
        return false;
    struct node *root = node_1(c->a, OP_NEG, node_2(c->a, OP_DIV, f[0], slope));
    if (!half_line(c, sign > 0 ? rel : mirrored(rel), root, out))
        return false;
    out->about = v;
    return true;
}

static bool solve(struct compare *c, struct node *l, enum rel rel, struct node *r,
                  struct region *out)
{
    bool left = value_is_constant(l) || is_infinite(l);
    if (left) {
        struct node *t = l;
        l = r;
        r = t;
        rel = mirrored(rel);
    }
    bool constant = value_is_constant(r) || is_infinite(r);
    if (constant && form_is_name(l) && l->op != OP_TUPLE && l->op != OP_FUNC) {
        out->about = l;
        if (!half_line(c, rel, r, out))
            return false;
        out->about = l;
        return true;
    }
    if (constant && l->op == OP_FUNC && l->func == FUNC_ABS && !is_infinite(r))
        return absolute(c, l->kid[0], rel, r, out);
    return linear(c, l, rel, r, out);
}

static bool condition(struct compare *c, const struct node *x, struct region *out)
{
    struct region all = {0}, one;
    for (uint32_t i = 0; i + 1 < x->n; i++) {
        one = (struct region){0};
        if (x->rel[i] == REL_IN) {
            if (x->n != 2 || !form_is_name(x->kid[0]) || !region_of(c, x->kid[1], &one))
                return false;
            one.about = x->kid[0];
        } else if (!solve(c, x->kid[i], (enum rel)x->rel[i], x->kid[i + 1], &one)) {
            return false;
        }
        if (i && !about_agrees(all.about, one.about))
            return false;
        if (i && !intersect(c, &all, &one, &one))
            return false;
        all = one;
    }
    *out = all;
    return normalise(c, out);
}

/* ---- what x describes ---- */

static bool interval(struct compare *c, const struct node *x, struct region *out)
{
    const struct node *lo = x->kid[0], *hi = x->kid[1];
    bool low = lo->op == OP_NEG && lo->kid[0]->op == OP_INF, high = hi->op == OP_INF;
    if ((!low && !value_is_constant(lo)) || (!high && !value_is_constant(hi)))
        return false;
    struct span s = {low ? NULL : lo, high ? NULL : hi, !low && x->open == '[',
                     !high && x->close == ']'};
    return put(c, out, s) && normalise(c, out);
}

static bool points(struct compare *c, const struct node *x, struct region *out)
{
    for (uint32_t i = 0; i < x->n; i++) {
        struct node *k = form_reduce(c, x->kid[i]);
        if (k->op == OP_LIST) {
            for (uint32_t j = 0; j < k->n; j++)
                if (!value_is_constant(k->kid[j]) ||
                    !put(c, out, (struct span){k->kid[j], k->kid[j], true, true}))
                    return false;
        } else if (!value_is_constant(k) || !put(c, out, (struct span){k, k, true, true})) {
            return false;
        }
    }
    return normalise(c, out);
}

/* x < 1 or x > 3; x > 1 and x < 3; x != 1, 2. */
static bool conditions(struct compare *c, const struct node *x, struct region *out)
{
    struct region all = {0}, one;
    bool excluded = false;
    for (uint32_t i = 0; i < x->n; i++) {
        const struct node *k = x->kid[i];
        one = (struct region){0};
        if (k->op == OP_REL) {
            if (!condition(c, k, &one))
                return false;
            excluded = k->n == 2 && k->rel[0] == REL_NE;
        } else if (excluded && value_is_constant(k)) {
            if (!half_line(c, REL_NE, k, &one))
                return false;
        } else if (!region_is_explicit(k) || !region_of(c, k, &one)) {
            return false;
        }
        if (i == 0) {
            all = one;
            continue;
        }
        if (!about_agrees(all.about, one.about))
            return false;
        bool either = x->flags & NODE_ALTERNATIVES && !excluded;
        bool comma = x->open == ',' && !(x->flags & NODE_ALTERNATIVES) && !excluded;
        struct region both;
        if (comma) {
            /* x < 1, x > 3 lists two half lines; x > 1, x < 3 bounds one */
            if (!intersect(c, &all, &one, &both))
                return false;
            either = both.n == 0;
        }
        if (!(either ? unite(c, &all, &one, &both) : intersect(c, &all, &one, &both)))
            return false;
        all = both;
    }
    *out = all;
    return true;
}

bool region_is_explicit(const struct node *x)
{
    switch (x->op) {
    case OP_UNION:
    case OP_INTERSECT:
    case OP_SETMINUS:
    case OP_BUILDER:
    case OP_SETNAME: return true;
    case OP_TUPLE:
        return x->n == 2 && (x->open == '[' || x->close == ']' || is_infinite(x->kid[0]) ||
                             is_infinite(x->kid[1]));
    case OP_REL:
        if (x->n == 2 && x->rel[0] == REL_IN && x->kid[1]->op == OP_TUPLE && x->kid[1]->n == 2)
            return true;
        for (uint32_t i = 0; i + 1 < x->n; i++)
            if (x->rel[i] != REL_EQ && x->rel[i] != REL_APPROX && x->rel[i] != REL_OTHER &&
                !(x->rel[i] == REL_IN && x->n == 2 && region_is_explicit(x->kid[1])))
                return x->rel[i] != REL_IN;
        return x->n == 2 && x->rel[0] == REL_IN;
    case OP_LIST:
        for (uint32_t i = 0; i < x->n; i++)
            if (x->kid[i]->op != OP_REL || !region_is_explicit(x->kid[i]))
                return i > 0 && x->kid[0]->op == OP_REL && x->kid[0]->rel[0] == REL_NE;
        return true;
    default: return false;
    }
}

/* Of a union: {3} may have lost its backslashes. */
static bool operand(struct compare *c, const struct node *x, struct region *out)
{
    if (!value_is_constant(x))
        return region_of(c, x, out);
    *out = (struct region){0};
    return put(c, out, (struct span){x, x, true, true});
}

bool region_of(struct compare *c, const struct node *x, struct region *out)
{
    struct region a = {0}, b = {0};
    *out = (struct region){0};
    if (!budget_take(&c->budget, 5))
        return false;
    switch (x->op) {
    case OP_TUPLE: return x->n == 2 && interval(c, x, out);
    case OP_SET: return points(c, x, out);
    case OP_REL: return condition(c, x, out);
    case OP_LIST: return conditions(c, x, out);
    case OP_SETNAME:
        if (!x->name.n)
            return true;
        return str_is(x->name, "R") && put(c, out, (struct span){NULL, NULL, false, false});
    case OP_BUILDER: {
        const struct node *element = x->kid[0];
        if (element->op == OP_REL && element->n == 2 && element->rel[0] == REL_IN &&
            element->kid[1]->op == OP_SETNAME && str_is(element->kid[1]->name, "R"))
            element = element->kid[0];
        return element->op == OP_NAME && region_of(c, x->kid[1], out) &&
               about_agrees(out->about, element);
    }
    case OP_UNION:
        return operand(c, x->kid[0], &a) && operand(c, x->kid[1], &b) && unite(c, &a, &b, out);
    case OP_INTERSECT:
        return operand(c, x->kid[0], &a) && region_of(c, x->kid[1], &b) &&
               intersect(c, &a, &b, out);
    case OP_SETMINUS: {
        struct region not_b;
        return region_of(c, x->kid[0], &a) && region_of(c, x->kid[1], &b) &&
               complement(c, &b, &not_b) && intersect(c, &a, &not_b, out);
    }
    default: return false;
    }
}

static bool same_end(struct compare *c, const struct node *a, const struct node *b)
{
    return a == b || (a && b && value_equal(c, a, b));
}

bool region_equal(struct compare *c, const struct region *a, const struct region *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct span *x = &a->span[i], *y = &b->span[i];
        if (x->lo_in != y->lo_in || x->hi_in != y->hi_in || !same_end(c, x->lo, y->lo) ||
            !same_end(c, x->hi, y->hi))
            return false;
    }
    return true;
}
