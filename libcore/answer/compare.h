/* compare.h - are two answers the same?
 *
 * compare_same() asks the kinds (answer/kind/NAME.c) in the order of their
 * ranks; the first that has an opinion decides.  A kind compares its parts with
 * compare_same() again, so a matrix of intervals needs no code of its own. */
#ifndef ANSWER_COMPARE_H
#define ANSWER_COMPARE_H

#include "answer/answer.h"
#include "answer/eval.h"
#include "answer/tree.h"

enum match { MATCH_PASS, MATCH_EQUAL, MATCH_DIFFER };

struct compare {
    struct arena *a;
    const struct answer_options *o;
    struct budget budget;
    int depth;       /* of compare_same() in itself */
    int in_list;     /* lists around: there, words after numbers tell members apart */
    const char *why; /* of the outermost decision: "equal:KIND", "differ:KIND" */
};

struct answer_kind {
    int rank; /* who is asked first */
    const char *equal, *differ;
    enum match (*compare)(struct compare *c, const struct node *gold, const struct node *x);
};
#define ANSWER_KIND(symbol, rank_, name, function)                                                 \
    const struct answer_kind answer_kind_##symbol = {rank_, "equal:" name, "differ:" name, function}

bool compare_same(struct compare *c, const struct node *gold, const struct node *x);

static inline enum match match_of(bool equal)
{
    return equal ? MATCH_EQUAL : MATCH_DIFFER;
}

/* ---- values (value.c) ---- */

/* Equal as numbers or expressions.  Decimals against exact values by the rule in
 * gcpo-verify(1). */
bool value_equal(struct compare *c, const struct node *gold, const struct node *x);

/* The order of two real constants; false if it cannot be told. */
bool value_order(struct compare *c, const struct node *a, const struct node *b, int *order);

/* l1 - r1 is a constant multiple, not zero, of l2 - r2; *sign is that of the
 * factor (0: not known).  Both zero everywhere counts, with sign 0. */
bool value_proportional(struct compare *c, const struct node *d1, const struct node *d2, int *sign);

bool value_is_constant(const struct node *x); /* no variable, nothing but numbers */
bool value_is_expression(const struct node *x);
struct node *value_difference(struct compare *c, struct node *l, struct node *r);

/* x with every variable `name` replaced. */
struct node *value_substitute(struct compare *c, const struct node *x, struct str name,
                              struct node *by);

/* ---- forms (form.c) ---- */

/* The answer as it is compared: plus-minus written out, matrix arithmetic done,
 * nested lists joined. */
struct node *form_reduce(struct compare *c, struct node *x);

/* A name, f(x), |AB|, A:B, (p, q): what may stand before '=' and be dropped. */
bool form_is_name(const struct node *x);

/* What a chain of equations says: name = value, just a value (name NULL), or
 * neither (false).  x may be anything; what is no relation is its own value. */
bool form_assignment(struct compare *c, const struct node *x, const struct node **name,
                     const struct node **value);
bool form_names_agree(struct compare *c, const struct node *a, const struct node *b);

/* ---- regions of the real line (region.c) ---- */

struct region {
    struct span {
        const struct node *lo, *hi; /* NULL: infinite */
        bool lo_in, hi_in;
    } * span; /* disjoint, in order */
    uint32_t n;
    const struct node *about; /* the variable of the conditions it came from, or NULL */
};

/* The set that x describes: an interval, a union, a condition in one variable, a
 * set of numbers; false if it is nothing of the kind. */
bool region_of(struct compare *c, const struct node *x, struct region *out);
bool region_is_explicit(const struct node *x); /* it cannot be anything else */
bool region_equal(struct compare *c, const struct region *a, const struct region *b);

#endif
