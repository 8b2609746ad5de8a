/* math.h - mathematical equality of two texts: readings, trees, kinds. */
#ifndef ANSWER_MATH_H
#define ANSWER_MATH_H

#include "answer/answer.h"

struct math_reference;

/* In the arena; text must outlive it.  NULL, with *bad, if it exceeds a limit or,
 * where the type is ANSWER_NUMBER, is no number. */
struct math_reference *math_reference_new(struct arena *a, struct str text,
                                          const struct answer_options *o, const char **bad);

/* Fills verdict and why of *out, whose extracted is the answer to judge. */
void math_judge(const struct math_reference *r, struct arena *a, struct answer_judgement *out);

#endif
