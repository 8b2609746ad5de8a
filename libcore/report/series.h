/* series.h - metrics: one JSON object per step, every numeric member a column.
 *
 * Members of nested objects are columns named "outer.inner"; true and false are
 * 1 and 0; strings, arrays and null are left out.  Columns keep the order in
 * which they first occurred. */
#ifndef REPORT_SERIES_H
#define REPORT_SERIES_H

#include <stdbool.h>

#include "base/str.h"

enum {
    SERIES_COLUMNS_MAX = 1024, /* the limit `metrics-columns` */
    SERIES_CELLS_MAX = 1 << 24 /* the limit `metrics-cells` */
};

struct series {  /* {0} is empty */
    char **name; /* [n_columns] */
    size_t n_columns, n_rows;
    double *cell; /* [n_rows][width], NAN where a row has no such member */
    size_t width, cap;
};

/* A row.  object: a checked JSON object. */
bool series_add(struct series *s, struct str object, struct err *e);
void series_free(struct series *s);

#define SERIES_NONE ((size_t)-1)
size_t series_column(const struct series *s, const char *name); /* SERIES_NONE if absent */
double series_at(const struct series *s, size_t row, size_t column);

/* wanted[n]: names of columns, or of objects whose members are meant; n = 0: all. */
bool series_wants(const char *column, const char *const *wanted, size_t n);

/* Tables at most `width` columns wide: columns that never change in a list of
 * their own, the others side by side in as many blocks as are needed, each
 * beginning with `step` where there is one. */
void series_print(const struct series *s, const char *const *wanted, size_t n_wanted, size_t width,
                  struct buf *out);

/* n series, each from the file of that name.
 * JSON: an array of {"file":...,"steps":[{...},...]}.
 * CSV: a heading with all columns of all series, a row per step; the first column
 * is the file where there are several. */
void series_put_json(const struct series *s, const struct str *files, size_t n,
                     const char *const *wanted, size_t n_wanted, struct buf *out);
void series_print_csv(const struct series *s, const struct str *files, size_t n,
                      const char *const *wanted, size_t n_wanted, struct buf *out);

#endif
