/* eval.h - three ways to evaluate a tree.
 *
 *   exact   rational numbers, as they are (GMP)
 *   mod     at a point with coordinates in a prime field: decides identities of
 *           polynomials and rational functions; unknown functions become hashes
 *           of their arguments, so equal arguments give equal values
 *   ball    at a real point, as enclosures of a chosen precision (MPFR)
 *
 * The prime p = 2q + 1 with q prime: odd roots are unique, so x^(2/3) and the
 * cube root of x^2 agree; -1 is no square, so p[i] is a field and i is exact. */
#ifndef ANSWER_EVAL_H
#define ANSWER_EVAL_H

#include <gmp.h>
#include <mpfr.h>

#include "answer/interval.h"
#include "answer/limits.h"
#include "answer/tree.h"

enum ev {
    EV_OK,
    EV_UNDEFINED, /* a division by zero, a point outside the domain */
    EV_FAIL,      /* not a value of this sort */
    EV_LIMIT,     /* too much work; the budget says which limit */
};

struct budget {
    int64_t work;
    enum limit limit;
};
bool budget_take(struct budget *b, int64_t units); /* false: LIMIT_WORK */

/* ---- exact ---- */

struct small { /* n / d in lowest terms, d > 0 */
    int64_t n, d;
};
bool exact_small(const struct node *x, struct small *out); /* false: not rational, or too large */
enum ev exact_big(struct budget *b, const struct node *x, mpq_t out);

/* ---- mod ---- */

struct mod_value {
    uint64_t re, im;
};
struct mod {
    struct budget *budget;
    uint64_t point; /* which point: a seed */
    bool opaque;    /* set: a known function was hashed, so unequal values prove nothing */
    const struct binding *bound; /* variables of sums */
};
#define MOD_PRIME UINT64_C(4611686018427377339)
enum ev mod_eval(struct mod *m, const struct node *x, struct mod_value *out);
uint64_t mod_hash(struct mod *m, const struct node *x); /* of any tree, values where there are */
uint64_t mod_mix(uint64_t h, uint64_t v);
uint64_t mod_mul(uint64_t a, uint64_t b);
uint64_t mod_pow(uint64_t a, uint64_t e);
struct mod_value mod_sub2(struct mod_value a, struct mod_value b);
struct mod_value mod_mul2(struct mod_value a, struct mod_value b);
bool mod_inv2(struct mod_value a, struct mod_value *out);

/* ---- ball ---- */

struct ball {
    struct iv re, im;
    bool real; /* im is exactly zero */
};
struct ball_at {
    struct budget *budget;
    mpfr_prec_t prec;
    int point;       /* which point; -1: there are no variables */
    bool complex;    /* i occurs: roots and logarithms of negative numbers are complex */
    struct mod *mod; /* for the values of unknown functions */
    const struct bound_real *bound;
};
void ball_init(struct ball *b, mpfr_prec_t prec);
void ball_clear(struct ball *b);
enum ev ball_eval(struct ball_at *at, const struct node *x, struct ball *out);
bool ball_overlap(const struct ball *a, const struct ball *b);
bool ball_is_tight(const struct ball *a); /* narrow beside its size */
bool ball_point_is_mixed(int point);      /* its coordinates have both signs */
void ball_sub(struct ball *r, const struct ball *a, const struct ball *b);
void ball_mul(struct ball *r, const struct ball *a, const struct ball *b);
bool ball_div(struct ball *r, const struct ball *a, const struct ball *b);

#endif
