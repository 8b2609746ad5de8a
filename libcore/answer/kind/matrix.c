/* matrix.c - matrices, vectors and cases, entry by entry; brackets do not count. */
#include "answer/compare.h"

static bool same_entries(struct compare *c, const struct node *g, const struct node *x)
{
    if (g->n != x->n)
        return false;
    for (uint32_t i = 0; i < g->n; i++)
        if (!compare_same(c, g->kid[i], x->kid[i]))
            return false;
    return true;
}

static bool is_vector(const struct node *x)
{
    return x->op == OP_MATRIX && (x->rows == 1 || x->rows == x->n);
}

/* Cases: the rows in any order. */
static bool same_rows(struct compare *c, const struct node *g, const struct node *x)
{
    bool used[ANSWER_TERMS_MAX] = {false};
    if (g->rows != x->rows || g->n != x->n)
        return false;
    uint32_t columns = g->n / g->rows;
    for (uint32_t i = 0; i < g->rows; i++) {
        uint32_t k;
        for (k = 0; k < x->rows; k++) {
            uint32_t j = 0;
            while (!used[k] && j < columns &&
                   compare_same(c, g->kid[i * columns + j], x->kid[k * columns + j]))
                j++;
            if (j == columns)
                break;
        }
        if (k == x->rows)
            return false;
        used[k] = true;
    }
    return true;
}

static enum match compare(struct compare *c, const struct node *g, const struct node *x)
{
    bool gm = g->op == OP_MATRIX, xm = x->op == OP_MATRIX;
    if (g->op == OP_CASES || x->op == OP_CASES)
        return match_of(g->op == x->op && same_rows(c, g, x));
    if (gm && xm)
        return match_of(g->rows == x->rows && same_entries(c, g, x));
    if ((is_vector(g) && x->op == OP_TUPLE) || (is_vector(x) && g->op == OP_TUPLE))
        return match_of(same_entries(c, g, x));
    if ((gm && g->n == 1) || (xm && x->n == 1)) /* a matrix of one entry */
        return match_of(compare_same(c, gm ? g->kid[0] : g, xm ? x->kid[0] : x));
    return gm || xm ? MATCH_DIFFER : MATCH_PASS;
}

ANSWER_KIND(matrix, 40, "matrix", compare);
