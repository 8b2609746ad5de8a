/* sheet.h - tallies as tables for people, as JSON and as CSV. */
#ifndef REPORT_SHEET_H
#define REPORT_SHEET_H

#include "report/tally.h"

enum {
    SHEET_PASS_MAX = 20,      /* powers of two up to the largest group, and that itself */
    SHEET_NO_CONTRAST_MAX = 7 /* group sizes 2, 4, ... 128 */
};

struct sheet_options {
    const struct digest_field *fields; /* [n_fields] of the tallies */
    size_t n_fields;
    uint32_t replicates; /* of the bootstrap */
    double confidence;   /* of the intervals, 0.95 */
    uint64_t seed;
};

/* The estimates of one tally. */
struct sheet {
    const struct tally *tally;
    struct estimate mean, majority, pass[SHEET_PASS_MAX];
    uint32_t k[SHEET_PASS_MAX]; /* of pass[] */
    size_t n_pass;
    uint32_t size[SHEET_NO_CONTRAST_MAX]; /* of groups */
    double all_wrong[SHEET_NO_CONTRAST_MAX], all_right[SHEET_NO_CONTRAST_MAX];
    bool extrapolated[SHEET_NO_CONTRAST_MAX];
};

/* largest: the k of pass@k go up to it, so that several sheets have the same columns. */
void sheet_make(const struct tally *t, const struct sheet_options *o, uint32_t largest,
                struct sheet *out);

/* One tally in full, at most 80 columns wide. */
void sheet_print(const struct sheet *s, const struct sheet_options *o, struct buf *out);

/* A line per tally.  by: heading of the first column; names[n]. */
void sheet_print_rows(const struct sheet *s, size_t n, const char *by, const struct str *names,
                      const struct sheet_options *o, struct buf *out);

/* The members of one tally as a JSON object. */
void sheet_put_json(const struct sheet *s, const struct sheet_options *o, struct buf *out);

/* A heading and a row per tally.  by NULL: there is no first column. */
void sheet_print_csv(const struct sheet *s, size_t n, const char *by, const struct str *names,
                     const struct sheet_options *o, struct buf *out);

#endif
