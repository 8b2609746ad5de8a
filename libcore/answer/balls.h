/* balls.h - enclosures as numbers: what the parts of ball_eval() share (eval.h).
 *
 * A result may be one of the arguments where nothing else is said.  EV_UNDEFINED:
 * outside the domain, or the enclosure is too wide to tell. */
#ifndef ANSWER_BALLS_H
#define ANSWER_BALLS_H

#include "answer/eval.h"

void ball_set(struct ball *r, const struct ball *a);
void ball_add(struct ball *r, const struct ball *a, const struct ball *b);
void ball_exp(struct ball *r, const struct ball *a);
void ball_modulus(struct iv *r, const struct ball *a);
enum ev ball_log(struct ball_at *at, struct ball *r, const struct ball *a);
enum ev ball_root(struct ball_at *at, struct ball *r, const struct ball *a, long degree);
enum ev ball_integer_power(struct ball_at *at, struct ball *r, const struct ball *a, long n);
enum ev ball_power(struct ball_at *at, struct ball *r, const struct ball *a, const struct ball *b);

/* The enclosure is one integer. */
bool ball_is_whole(const struct ball *b, long *out);

/* An OP_FUNC at a point. */
enum ev ball_function(struct ball_at *at, const struct node *x, struct ball *out);

#endif
