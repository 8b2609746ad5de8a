/* table.h - text in columns, for people, and the same cells as CSV.
 *
 *     struct table t = {.align = "lrr"};
 *     table_put(&t, "mean@8"); table_put(&t, "%.1f%%", x); table_put(&t, "");
 *     table_print(&t, 2, &out);
 *
 * Cells are put row by row; a row has as many cells as `align` has letters
 * (l: left, r: right).  Widths are counted in code points. */
#ifndef REPORT_TABLE_H
#define REPORT_TABLE_H

#include "base/str.h"

struct table {
    const char *align;
    size_t first; /* least width of the first column, so that tables line up */
    struct buf text;
    size_t *ends; /* of each cell in text */
    size_t n, cap;
};

void table_put(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void table_put_str(struct table *t, struct str s);        /* control characters become '?' */
void table_print(const struct table *t, struct buf *out); /* two spaces between columns */
void table_print_csv(const struct table *t, size_t columns, struct buf *out); /* RFC 4180, '\n' */
void table_free(struct table *t);

/* "1234567" with a thin separation: "1,234,567".  For counts in tables for people. */
const char *table_count(char out[32], uint64_t v);

size_t utf8_length(struct str s); /* code points */

#endif
