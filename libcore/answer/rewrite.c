/* rewrite.c - see rewrite.h. */
#include "answer/rewrite.h"

enum { NAMES_MAX = 16, FRACTION_NODES = 400 };

/* ---- names ---- */

struct names {
    struct str v[NAMES_MAX];
    uint32_t n;
};

static bool collect(const struct node *x, struct names *out)
{
    if (x->op == OP_NAME) {
        for (uint32_t i = 0; i < out->n; i++)
            if (str_eq(out->v[i], x->name))
                return true;
        if (out->n == NAMES_MAX)
            return false;
        out->v[out->n++] = x->name;
    }
    for (uint32_t i = 0; i < x->n; i++)
        if (!collect(x->kid[i], out))
            return false;
    return true;
}

static struct node *renamed(struct compare *c, const struct node *x, const struct names *from,
                            const struct names *to)
{
    struct node *r = node_copy(c->a, x);
    if (x->op == OP_NAME)
        for (uint32_t i = 0; i < from->n; i++)
            if (str_eq(from->v[i], x->name))
                r->name = to->v[i];
    for (uint32_t i = 0; i < x->n; i++)
        r->kid[i] = renamed(c, x->kid[i], from, to);
    return r;
}

struct node *rewrite_names(struct compare *c, const struct node *gold, const struct node *x)
{
    struct names g = {.n = 0}, own = {.n = 0};
    if (!collect(gold, &g) || !collect(x, &own) || g.n != own.n || !g.n)
        return NULL;
    return renamed(c, x, &own, &g);
}

/* ---- fractions ---- */

struct fraction {
    struct node *num, *den; /* den NULL: 1 */
};

static struct node *times(struct compare *c, struct node *a, struct node *b)
{
    return !a ? b : !b ? a : node_2(c->a, OP_MUL, a, b);
}

static bool one_fraction(struct compare *c, struct node *x, struct fraction *out, int *left);

static bool sum(struct compare *c, struct node *x, struct fraction *out, int *left)
{
    for (uint32_t i = 0; i < x->n; i++) {
        struct fraction f;
        if (!one_fraction(c, x->kid[i], &f, left))
            return false;
        if (i == 0) {
            *out = f;
            continue;
        }
        out->num = node_2(c->a, OP_ADD, times(c, out->num, f.den), times(c, f.num, out->den));
        out->den = times(c, out->den, f.den);
    }
    return true;
}

static bool product(struct compare *c, struct node *x, struct fraction *out, int *left)
{
    *out = (struct fraction){node_int(c->a, 1), NULL};
    for (uint32_t i = 0; i < x->n; i++) {
        struct fraction f;
        if (!one_fraction(c, x->kid[i], &f, left))
            return false;
        bool divide = x->op == OP_DIV && i == 1;
        out->num = times(c, out->num, divide ? f.den : f.num);
        out->den = times(c, out->den, divide ? f.num : f.den);
    }
    return true;
}

static bool one_fraction(struct compare *c, struct node *x, struct fraction *out, int *left)
{
    if (--*left < 0 || !budget_take(&c->budget, 2))
        return false;
    switch (x->op) {
    case OP_ADD: return sum(c, x, out, left);
    case OP_MUL:
    case OP_DIV: return product(c, x, out, left);
    case OP_NEG:
        if (!one_fraction(c, x->kid[0], out, left))
            return false;
        out->num = node_1(c->a, OP_NEG, out->num);
        return true;
    case OP_POW: {
        int64_t e;
        if (node_small(x->kid[1], &e) && e < 0) {
            *out = (struct fraction){node_int(c->a, 1),
                                     node_2(c->a, OP_POW, x->kid[0], node_int(c->a, -e))};
            return true;
        }
        break;
    }
    default: break;
    }
    *out = (struct fraction){x, NULL};
    return true;
}

struct node *rewrite_numerator(struct compare *c, struct node *x)
{
    struct fraction f;
    int left = FRACTION_NODES;
    return one_fraction(c, x, &f, &left) ? f.num : NULL;
}
