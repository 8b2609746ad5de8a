/* plain.h - plain numbers, read without a tree: most answers are one.
 *
 *     -12   1,234   14{,}916   .5   3/4   \frac{3}{4}   25\%   $18
 * Anything else, and any number past 18 digits, is not plain and goes the long
 * way, which decides in the same manner. */
#ifndef ANSWER_PLAIN_H
#define ANSWER_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct plain {
    int64_t num, den; /* lowest terms, den > 0 */
    bool percent;
    bool decimal; /* written with a point */
};

bool plain_read(struct str s, struct plain *out);

enum plain_answer { PLAIN_DIFFER, PLAIN_EQUAL, PLAIN_UNDECIDED };

/* Undecided where a decimal meets a fraction that does not end, or a percent
 * sign stands on one side only. */
enum plain_answer plain_compare(const struct plain *gold, const struct plain *pred);

#endif
