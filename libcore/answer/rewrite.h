/* rewrite.h - trees under other names, and trees without fractions. */
#ifndef ANSWER_REWRITE_H
#define ANSWER_REWRITE_H

#include "answer/compare.h"

/* x with its variables called like those of gold, in the order of their first
 * appearance; NULL if they are not as many, or too many. */
struct node *rewrite_names(struct compare *c, const struct node *gold, const struct node *x);

/* The numerator of x over one denominator; NULL past a limit. */
struct node *rewrite_numerator(struct compare *c, struct node *x);

#endif
