/* digest.h - the numbers of one group that statistics are made from.
 *
 * A digest is the policy's: where a gold row stands, what it displaced is
 * counted.  It is made once per group (in any thread) and added to as many
 * tallies as one likes. */
#ifndef REPORT_DIGEST_H
#define REPORT_DIGEST_H

#include "report/rates.h"
#include "stream/outcome.h"

/* Which lengths are kept apart.  A wrong response is one without a right answer:
 * `wrong` or `no-answer`. */
enum length_class { LENGTH_ALL, LENGTH_CORRECT, LENGTH_WRONG, LENGTH_TRUNCATED, N_LENGTH_CLASSES };

struct digest_response {
    enum verdict verdict;
    bool truncated;
    bool in_tokens;  /* the length's unit: tokens where the response has them, else characters */
    uint64_t length; /* tokens include the stop token; characters are code points */
};

struct digest {
    size_t n_rows;      /* rows of the record; 0: a bare prompt */
    size_t n;           /* responses of the policy */
    size_t golds;       /* gold rows */
    bool judged;        /* the responses have verdicts, and the next two are filled */
    bool all_truncated; /* judged all wrong, and every response was cut off */
    enum contrast contrast;
    struct rate rate;                 /* rate.n = 0: no scorable response */
    struct digest_response *response; /* [n], in the arena */
    double *number;                   /* [fields * (n_rows or n)] see below */
    size_t *n_numbers;                /* [fields] */
    bool has_fate, has_gold_verdict;
    struct str fate;
    enum verdict gold_verdict;
};

/* Numeric members of responses: of the policy's (displaced ones included), or,
 * with of_rows, of the rows as they stand.  Absent and null are left out; true
 * and false are 1 and 0. */
struct digest_field {
    const char *name;
    bool of_rows;
};

/* Everything is allocated from g->arena.  A group in which some responses have a
 * verdict and others have none is ERR_DATA. */
bool digest_group(const struct group *g, const struct digest_field *fields, size_t n_fields,
                  struct digest *out, struct err *e) MUST_CHECK;

#endif
