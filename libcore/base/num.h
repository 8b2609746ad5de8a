/* num.h - numbers to text and back, independent of the locale.
 *
 * Whole strings only; sizes K M G are powers of 1024; durations 90s 5m 2h. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

bool num_parse_u64(struct str s, uint64_t *out);  /* digits only */
bool num_parse_i64(struct str s, int64_t *out);   /* an optional '-' */
bool num_parse_double(struct str s, double *out); /* correctly rounded; inf and nan refused */
bool num_parse_size(struct str s, uint64_t *out); /* bytes: 512, 64K, 2M, 1.5G, 1GiB */

enum { NUM_MAX = 40 }; /* room for any number below, with its NUL, as compilers see it */

/* The shortest decimal text that reads back to the same float (double).
 * Returns its length.  v must be finite. */
size_t num_print_float(char out[NUM_MAX], float v);
size_t num_print_double(char out[NUM_MAX], double v);

#endif
