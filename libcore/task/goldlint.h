/* goldlint.h - gcpo-gold lint: would these golds help? */
#ifndef TASK_GOLDLINT_H
#define TASK_GOLDLINT_H

#include "task/filter.h"
#include "task/goldcheck.h"

struct goldlint_options {
    struct filter_options io; /* io.out: where the report goes */
    const struct opt *opts;
    const char *model;      /* whose tokens lengths are; NULL: code points */
    const char *gold_file;  /* golds by id instead of the records' own; may be NULL */
    const char *fixed_file; /* the records with the boxes that were appended; may be NULL */
    const char *type;       /* of records without a "verifier" */
    uint64_t max_tokens;
    bool append_box;
    bool json, each; /* as one JSON object; a JSON line for each gold */
};

bool goldlint_run(const struct goldlint_options *o, char *const *files, struct err *e) MUST_CHECK;

#endif
