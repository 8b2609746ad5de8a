/* charset.h - sets of code points as ranges. */
#ifndef TEXT_CHARSET_H
#define TEXT_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/unicode.h"

struct interval {
    uint32_t from, to; /* inclusive */
};

/* {0} is empty.  Ranges may be added in any order; has and equal want a
 * normalised set: sorted, disjoint, not adjacent, so one spelling for each set. */
struct charset {
    struct interval *r;
    size_t n, cap;
};

void charset_add(struct charset *s, uint32_t from, uint32_t to);
void charset_add_all(struct charset *s, const struct charset *other);
void charset_add_categories(struct charset *s, unsigned categories); /* bits 1 << enum category */
void charset_add_matching(struct charset *s, bool (*has)(uint32_t), uint32_t end); /* below end */
void charset_normalise(struct charset *s);
void charset_complement(struct charset *s);

/* Adds the other cases of the ASCII letters that are in the set; two letters
 * outside ASCII are among them, U+017F (s) and U+212A (k).  Normalises. */
void charset_fold(struct charset *s);

bool charset_has(const struct charset *s, uint32_t code_point);
bool charset_equal(const struct charset *a, const struct charset *b);
void charset_free(struct charset *s); /* empty again */

#endif
