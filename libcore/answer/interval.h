/* interval.h - real intervals with outward rounding: the arithmetic under ball.c.
 *
 * Results go to initialised intervals; an argument may be the result too.  The
 * functions return false where the result is not an enclosure: a division by an
 * interval with zero in it, a logarithm that reaches zero.  A finer precision
 * may help then. */
#ifndef ANSWER_INTERVAL_H
#define ANSWER_INTERVAL_H

#include <gmp.h>
#include <mpfr.h>
#include <stdbool.h>

struct iv {
    mpfr_t lo, hi;
};

void iv_init(struct iv *a, mpfr_prec_t prec);
void iv_clear(struct iv *a);
void iv_set(struct iv *r, const struct iv *a);
void iv_set_si(struct iv *r, long v);
void iv_set_q(struct iv *r, const mpq_t q);
void iv_pi(struct iv *r);
void iv_swap(struct iv *a, struct iv *b);

void iv_neg(struct iv *r, const struct iv *a);
void iv_add(struct iv *r, const struct iv *a, const struct iv *b);
void iv_sub(struct iv *r, const struct iv *a, const struct iv *b);
void iv_mul(struct iv *r, const struct iv *a, const struct iv *b);
bool iv_div(struct iv *r, const struct iv *a, const struct iv *b);
void iv_abs(struct iv *r, const struct iv *a);
bool iv_sqrt(struct iv *r, const struct iv *a); /* a >= 0 in part */
bool iv_root(struct iv *r, const struct iv *a, unsigned long n);
bool iv_pow_si(struct iv *r, const struct iv *a, long n);
void iv_exp(struct iv *r, const struct iv *a);
bool iv_log(struct iv *r, const struct iv *a); /* a > 0 */
void iv_sin(struct iv *r, const struct iv *a);
void iv_cos(struct iv *r, const struct iv *a);
void iv_atan(struct iv *r, const struct iv *a);
bool iv_asin(struct iv *r, const struct iv *a); /* the part in [-1, 1] */
bool iv_acos(struct iv *r, const struct iv *a);

bool iv_has_zero(const struct iv *a);
bool iv_is_zero(const struct iv *a);   /* exactly [0, 0] */
bool iv_positive(const struct iv *a);  /* lo > 0 */
bool iv_negative(const struct iv *a);  /* hi < 0 */
bool iv_is_number(const struct iv *a); /* both ends are finite */
bool iv_overlap(const struct iv *a, const struct iv *b);

#endif
