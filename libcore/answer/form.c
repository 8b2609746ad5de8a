/* form.c - answers in the form in which they are compared.  See compare.h. */
#include "answer/compare.h"

#include <string.h>

/* ---- plus-minus ---- */

static uint32_t count_signs(const struct node *x)
{
    uint32_t n = x->op == OP_PM;
    for (uint32_t i = 0; i < x->n; i++)
        n += count_signs(x->kid[i]);
    return n;
}

/* One reading of x: bit k of `choice` is the sign of the k-th plus-minus, all of
 * them bit 0 where a minus-plus ties them together. */
static struct node *choose_signs(struct compare *c, const struct node *x, uint32_t choice,
                                 bool tied, uint32_t *k)
{
    struct node *r;
    if (x->op == OP_PM) {
        uint32_t bit = tied ? choice & 1 : choice >> (*k)++ & 1;
        bool minus = (bit != 0) != ((x->flags & NODE_FLIPPED) != 0);
        r = choose_signs(c, x->kid[0], choice, tied, k);
        return minus ? node_1(c->a, OP_NEG, r) : r;
    }
    r = node_copy(c->a, x);
    for (uint32_t i = 0; i < x->n; i++)
        r->kid[i] = choose_signs(c, x->kid[i], choice, tied, k);
    return r;
}

static bool has_flipped(const struct node *x)
{
    bool f = x->op == OP_PM && x->flags & NODE_FLIPPED;
    for (uint32_t i = 0; i < x->n && !f; i++)
        f = has_flipped(x->kid[i]);
    return f;
}

static struct node *write_out_signs(struct compare *c, struct node *x)
{
    uint32_t n = count_signs(x);
    if (!n)
        return x;
    if (n > ANSWER_SIGNS_MAX) {
        c->budget.limit = LIMIT_TERMS;
        return x;
    }
    bool tied = has_flipped(x);
    uint32_t total = tied ? 2 : 1u << n;
    struct node *list = node_new(c->a, OP_LIST, total);
    list->flags |= NODE_ALTERNATIVES;
    list->open = ',';
    for (uint32_t k = 0; k < total; k++) {
        uint32_t at = 0;
        list->kid[k] = choose_signs(c, x, k, tied, &at);
    }
    return list;
}

/* ---- matrices ---- */

static struct node *entry(const struct node *m, uint32_t r, uint32_t col)
{
    return m->kid[r * (m->n / m->rows) + col];
}

static struct node *matrix_of(struct compare *c, uint32_t rows, uint32_t columns)
{
    struct node *m = node_new(c->a, OP_MATRIX, rows * columns);
    m->rows = rows;
    return m;
}

static struct node *matrix_add(struct compare *c, const struct node *a, const struct node *b)
{
    if (a->rows != b->rows || a->n != b->n)
        return NULL;
    struct node *m = matrix_of(c, a->rows, a->n / a->rows);
    for (uint32_t i = 0; i < a->n; i++)
        m->kid[i] = node_2(c->a, OP_ADD, a->kid[i], b->kid[i]);
    return m;
}

static struct node *matrix_scale(struct compare *c, const struct node *a, struct node *by,
                                 bool divide)
{
    struct node *m = matrix_of(c, a->rows, a->n / a->rows);
    for (uint32_t i = 0; i < a->n; i++)
        m->kid[i] = divide ? node_2(c->a, OP_DIV, a->kid[i], by)
                           : node_2(c->a, OP_MUL, by, a->kid[i]);
    return m;
}

enum { ENTRY_NODES_MAX = 1024 }; /* of one entry of a product: they share, so sizes multiply */

static bool within(const struct node *x, int *left)
{
    if (--*left < 0)
        return false;
    for (uint32_t i = 0; i < x->n; i++)
        if (!within(x->kid[i], left))
            return false;
    return true;
}

/* An entry as small as it can be; NULL and a limit if that is too large. */
static struct node *settled(struct compare *c, struct node *x)
{
    struct small s;
    int left = ENTRY_NODES_MAX;
    if (exact_small(x, &s))
        return node_2(c->a, OP_DIV, node_int(c->a, s.n), node_int(c->a, s.d));
    bool ok = within(x, &left);
    if (!budget_take(&c->budget, 1 + (ENTRY_NODES_MAX - left) / 16))
        return NULL;
    if (!ok)
        c->budget.limit = LIMIT_TERMS;
    return ok ? x : NULL;
}

static struct node *matrix_multiply(struct compare *c, const struct node *a, const struct node *b)
{
    uint32_t inner = a->n / a->rows, columns = b->n / b->rows;
    if (inner != b->rows || (uint64_t)a->rows * columns * inner > ANSWER_TERMS_MAX * 4)
        return NULL;
    struct node *m = matrix_of(c, a->rows, columns);
    for (uint32_t i = 0; i < a->rows; i++)
        for (uint32_t j = 0; j < columns; j++) {
            struct node *sum = node_new(c->a, OP_ADD, inner);
            for (uint32_t k = 0; k < inner; k++)
                sum->kid[k] = node_2(c->a, OP_MUL, entry(a, i, k), entry(b, k, j));
            sum = settled(c, sum);
            if (!sum)
                return NULL;
            m->kid[i * columns + j] = sum;
        }
    return m;
}

static struct node *matrix_transpose(struct compare *c, const struct node *a)
{
    uint32_t columns = a->n / a->rows;
    struct node *m = matrix_of(c, columns, a->rows);
    for (uint32_t i = 0; i < a->rows; i++)
        for (uint32_t j = 0; j < columns; j++)
            m->kid[j * a->rows + i] = entry(a, i, j);
    return m;
}

static struct node *matrix_value(struct compare *c, const struct node *x);

static struct node *matrix_product(struct compare *c, const struct node *x)
{
    struct node *m = NULL;
    for (uint32_t i = 0; i < x->n; i++) {
        struct node *f = x->kid[i];
        if (!node_has(f, OP_MATRIX))
            continue;
        f = matrix_value(c, f);
        m = !f ? NULL : m ? matrix_multiply(c, m, f) : f;
        if (!m)
            return NULL;
    }
    for (uint32_t i = 0; m && i < x->n; i++)
        if (!node_has(x->kid[i], OP_MATRIX))
            m = matrix_scale(c, m, x->kid[i], false);
    return m;
}

static bool is_transpose(const struct node *exponent)
{
    return exponent->op == OP_NAME &&
           (str_is(exponent->name, "T") || str_is(exponent->name, "\\top"));
}

static struct node *matrix_power(struct compare *c, const struct node *x)
{
    struct node *m = matrix_value(c, x->kid[0]);
    int64_t e;
    if (!m)
        return NULL;
    if (is_transpose(x->kid[1]))
        return matrix_transpose(c, m);
    if (!node_small(x->kid[1], &e) || e < 1 || e > 10)
        return NULL;
    struct node *r = m;
    for (int64_t k = 1; k < e && r; k++)
        r = matrix_multiply(c, r, m);
    return r;
}

/* An expression with matrices as one matrix of expressions; NULL if it is none. */
static struct node *matrix_value(struct compare *c, const struct node *x)
{
    struct node *m, *y;
    if (!budget_take(&c->budget, 10))
        return NULL;
    switch (x->op) {
    case OP_MATRIX: return node_copy(c->a, x);
    case OP_NEG:
        m = matrix_value(c, x->kid[0]);
        return m ? matrix_scale(c, m, node_int(c->a, -1), false) : NULL;
    case OP_ADD:
        m = matrix_value(c, x->kid[0]);
        for (uint32_t i = 1; m && i < x->n; i++) {
            y = matrix_value(c, x->kid[i]);
            m = y ? matrix_add(c, m, y) : NULL;
        }
        return m;
    case OP_MUL: return matrix_product(c, x);
    case OP_DIV:
        m = node_has(x->kid[1], OP_MATRIX) ? NULL : matrix_value(c, x->kid[0]);
        return m ? matrix_scale(c, m, x->kid[1], true) : NULL;
    case OP_POW: return matrix_power(c, x);
    default: return NULL;
    }
}

static bool is_arithmetic(const struct node *x)
{
    return x->op == OP_ADD || x->op == OP_MUL || x->op == OP_DIV || x->op == OP_NEG ||
           x->op == OP_POW;
}

/* ---- lists ---- */

static void join(struct node *list, const struct node *x, uint32_t *n)
{
    for (uint32_t i = 0; i < x->n; i++)
        if (x->kid[i]->op == OP_LIST)
            join(list, x->kid[i], n);
        else
            list->kid[(*n)++] = x->kid[i];
}

static uint32_t joined_size(const struct node *x)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->n; i++)
        n += x->kid[i]->op == OP_LIST ? joined_size(x->kid[i]) : 1;
    return n;
}

/* "k in Z" beside an answer that uses k says nothing more. */
static bool is_side_condition(const struct node *x)
{
    return x->op == OP_REL && x->n == 2 && x->rel[0] == REL_IN && x->kid[0]->op == OP_NAME &&
           x->kid[1]->op == OP_SETNAME &&
           (str_is(x->kid[1]->name, "Z") || str_is(x->kid[1]->name, "N"));
}

static struct node *without_conditions(struct compare *c, struct node *x)
{
    struct node *r = node_copy(c->a, x);
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->n; i++)
        if (!is_side_condition(x->kid[i]))
            r->kid[n++] = x->kid[i];
    if (!n)
        return x;
    r->n = n;
    return n == 1 ? r->kid[0] : r;
}

static bool is_mark(const struct node *x)
{
    return x->op == OP_DEGREE || x->op == OP_PERCENT || x->op == OP_UNIT;
}

struct node *form_reduce(struct compare *c, struct node *x)
{
    if (x->op == OP_CASES && x->rows == x->n) { /* a system of equations */
        x = node_list(c->a, OP_LIST, x->kid, x->n);
        x->open = ',';
    }
    if (is_arithmetic(x) && node_has(x, OP_MATRIX)) {
        struct node *m = matrix_value(c, x);
        if (m)
            x = m;
    }
    if (x->op == OP_NEG && is_mark(x->kid[0])) { /* -7 degrees */
        struct node *r = node_copy(c->a, x->kid[0]);
        r->kid[0] = node_1(c->a, OP_NEG, r->kid[0]);
        x = r;
    }
    if (x->op == OP_POW && x->kid[0]->op == OP_TUPLE && is_transpose(x->kid[1]))
        x = x->kid[0];
    if (x->op == OP_LIST || x->op == OP_SET) {
        struct node *r = node_copy(c->a, x);
        for (uint32_t i = 0; i < x->n; i++)
            r->kid[i] = form_reduce(c, x->kid[i]);
        uint32_t size = joined_size(r), n = 0;
        if (size > ANSWER_TERMS_MAX) {
            c->budget.limit = LIMIT_TERMS;
            return x;
        }
        if (size != r->n) {
            struct node *list = node_new(c->a, (enum op)x->op, size);
            list->flags = r->flags | NODE_ALTERNATIVES;
            list->open = r->open;
            join(list, r, &n);
            r = list;
        }
        return x->op == OP_LIST ? without_conditions(c, r) : r;
    }
    return count_signs(x) ? write_out_signs(c, x) : x;
}

/* ---- names and what they are equal to ---- */

static bool is_capital(const struct node *x)
{
    return x->op == OP_NAME && x->name.n == 1 && x->name.p[0] >= 'A' && x->name.p[0] <= 'Z';
}

/* AB, ABC: points run together. */
static bool is_segment(const struct node *x)
{
    if (x->op != OP_MUL)
        return false;
    for (uint32_t i = 0; i < x->n; i++)
        if (!is_capital(x->kid[i]))
            return false;
    return true;
}

bool form_is_name(const struct node *x)
{
    switch (x->op) {
    case OP_NAME:
    case OP_CALL:
    case OP_E:
    case OP_I: return true;
    case OP_MUL: return x->flags & NODE_CALL || is_segment(x);
    case OP_FUNC:
        return x->n == 1 && x->func != FUNC_FACT && x->func != FUNC_SQRT && form_is_name(x->kid[0]);
    case OP_TUPLE:
    case OP_MATRIX:
    case OP_RATIO:
    case OP_DIV:
        for (uint32_t i = 0; i < x->n; i++)
            if (!form_is_name(x->kid[i]))
                return false;
        return true;
    default: return false;
    }
}

/* All operands of the chain, in constants, agree (approximations aside). */
static bool consistent(struct compare *c, const struct node *x, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (!value_is_expression(x->kid[i]) || !value_is_expression(x->kid[0]) ||
            !value_equal(c, x->kid[i], x->kid[0]))
            return false;
    return true;
}

bool form_assignment(struct compare *c, const struct node *x, const struct node **name,
                     const struct node **value)
{
    *name = NULL;
    *value = x;
    if (x->op != OP_REL)
        return true;
    uint32_t n = 1;
    if (x->n == 2 && x->rel[0] == REL_IN && form_is_name(x->kid[0])) {
        *name = x->kid[0];
        *value = x->kid[1];
        return true;
    }
    for (uint32_t i = 0; i + 1 < x->n; i++)
        if (x->rel[i] != REL_EQ && x->rel[i] != REL_APPROX)
            return false;
    /* what follows an approximation is no longer exact */
    while (n < x->n && x->rel[n - 1] == REL_EQ)
        n++;
    if (n == 1 && form_is_name(x->kid[0]))
        n = 2;
    const struct node *first = x->kid[0], *last = x->kid[n - 1];
    if (n == 1) {
        *value = first;
        return true;
    }
    if (form_is_name(first)) {
        *name = first;
        *value = last;
        return true;
    }
    if (first->op == OP_UNIT && value_is_constant(first)) {
        *value = last;
        return true;
    }
    if (consistent(c, x, n)) {
        *value = last;
        return true;
    }
    if (n == 2 && form_is_name(last)) {
        *name = last;
        *value = first;
        return true;
    }
    return false;
}

bool form_names_agree(struct compare *c, const struct node *a, const struct node *b)
{
    if (!a || !b || c->o->loose)
        return true;
    bool plain_a = a->op == OP_NAME && a->name.n == 1, plain_b = b->op == OP_NAME && b->name.n == 1;
    return !plain_a || !plain_b || str_eq(a->name, b->name);
}
