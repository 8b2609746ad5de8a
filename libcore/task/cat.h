/* cat.h - gcpo-cat: groups chosen, read, joined, checked, repaired. */
#ifndef TASK_CAT_H
#define TASK_CAT_H

#include "task/filter.h"

struct cat_options {
    struct filter_options io;
    const struct opt *opts;
    struct opt_list ids, where;
    const char *ids_file;        /* groups whose id stands in it; NULL: all */
    uint64_t head, sample, seed; /* 0: no limit, no sampling */
    const char *model;           /* whose tokenizer spells tokens; NULL: none */
    bool text, list;             /* laid out for people; a line per group */
    bool colour;
    uint64_t width, lines; /* of the page; 0: not wrapped, all */
};

/* Writes the chosen groups as a stream, or for people.  ST_NO if --id names a
 * group that is not there. */
bool cat_run(const struct cat_options *o, char *const *files, struct err *e) MUST_CHECK;

/* Groups of the same id and round become one, where the last of them stands. */
bool cat_merge(const struct cat_options *o, char *const *files, struct err *e) MUST_CHECK;

/* A line per finding; ST_NO if there is any. */
bool cat_check(const struct cat_options *o, char *const *files, struct err *e) MUST_CHECK;

/* The whole groups of streams that were cut short, as whole streams. */
bool cat_repair(const struct cat_options *o, char *const *files, struct err *e) MUST_CHECK;

/* What the heads say: the programs that each segment went through. */
bool cat_provenance(const struct cat_options *o, char *const *files, struct err *e) MUST_CHECK;

#endif
