/* tree.c - see tree.h. */
#include "answer/tree.h"

#include <stdio.h>
#include <string.h>

enum rel rel_negated(enum rel r)
{
    switch (r) {
    case REL_EQ: return REL_NE;
    case REL_NE: return REL_EQ;
    case REL_LT: return REL_GE;
    case REL_LE: return REL_GT;
    case REL_GT: return REL_LE;
    case REL_GE: return REL_LT;
    default: return REL_OTHER;
    }
}

struct node *node_new(struct arena *a, enum op op, uint32_t n)
{
    struct node *x = arena_alloc(a, sizeof *x);
    *x = (struct node){.op = (uint8_t)op, .n = n};
    x->kid = n ? arena_array(a, n, sizeof(struct node *)) : NULL;
    return x;
}

struct node *node_0(struct arena *a, enum op op)
{
    return node_new(a, op, 0);
}

struct node *node_1(struct arena *a, enum op op, struct node *x)
{
    struct node *r = node_new(a, op, 1);
    r->kid[0] = x;
    return r;
}

struct node *node_2(struct arena *a, enum op op, struct node *x, struct node *y)
{
    struct node *r = node_new(a, op, 2);
    r->kid[0] = x;
    r->kid[1] = y;
    return r;
}

struct node *node_name(struct arena *a, enum op op, struct str name)
{
    struct node *x = node_new(a, op, 0);
    x->name = name;
    return x;
}

struct node *node_int(struct arena *a, int64_t v)
{
    char text[24];
    uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)size);
    struct node *x =
        node_name(a, OP_NUM, (struct str){arena_strdup(a, text, (size_t)n), (size_t)n});
    return v < 0 ? node_1(a, OP_NEG, x) : x;
}

struct node *node_func(struct arena *a, enum func f, uint32_t n)
{
    struct node *x = node_new(a, OP_FUNC, n);
    x->func = (uint8_t)f;
    return x;
}

struct node *node_list(struct arena *a, enum op op, struct node **items, uint32_t n)
{
    struct node *x = node_new(a, op, n);
    if (n)
        memcpy(x->kid, items, n * sizeof *items);
    return x;
}

struct node *node_copy(struct arena *a, const struct node *x)
{
    struct node *r = node_new(a, (enum op)x->op, x->n);
    struct node **kid = r->kid;
    *r = *x;
    r->kid = kid;
    if (x->n)
        memcpy(kid, x->kid, x->n * sizeof *kid);
    return r;
}

bool node_same(const struct node *a, const struct node *b)
{
    if (a == b)
        return true;
    if (a->op != b->op || a->func != b->func || a->n != b->n || a->scale != b->scale ||
        a->rows != b->rows || a->open != b->open || a->close != b->close ||
        !str_eq(a->name, b->name) || (a->flags & NODE_FLIPPED) != (b->flags & NODE_FLIPPED))
        return false;
    if (a->op == OP_REL && memcmp(a->rel, b->rel, a->n - 1) != 0)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!node_same(a->kid[i], b->kid[i]))
            return false;
    return true;
}

bool node_small(const struct node *x, int64_t *out)
{
    if (x->op == OP_NEG && node_small(x->kid[0], out)) {
        *out = -*out;
        return true;
    }
    if (x->op != OP_NUM || x->scale < 0 || x->name.n + (size_t)x->scale > 18)
        return false;
    int64_t v = 0;
    for (size_t i = 0; i < x->name.n; i++)
        v = v * 10 + (x->name.p[i] - '0');
    for (int32_t i = 0; i < x->scale; i++)
        v *= 10;
    *out = v;
    return true;
}

bool node_has_name(const struct node *x, const struct str *name)
{
    if (x->op == OP_NAME && (!name || str_eq(x->name, *name)))
        return true;
    if (x->op == OP_CALL && !name)
        return true;
    for (uint32_t i = 0; i < x->n; i++)
        if (node_has_name(x->kid[i], name))
            return true;
    return false;
}

bool node_has(const struct node *x, enum op op)
{
    if (x->op == op)
        return true;
    for (uint32_t i = 0; i < x->n; i++)
        if (node_has(x->kid[i], op))
            return true;
    return false;
}
