/* stat.h - gcpo-stat: streams and metrics in, tables out. */
#ifndef TASK_STAT_H
#define TASK_STAT_H

#include "base/opt.h"

struct preset;

struct stat_options {
    const char *out;     /* -o */
    uint64_t threads;    /* -j */
    const char *by;      /* a member of the record; NULL: none */
    bool by_file;        /* a line for each file */
    bool pair;           /* compare two files on the prompts that both have */
    bool per_id;         /* a line for each group: how its prompt fared before and now */
    const char *explain; /* the id of a group to show with every number; NULL: none */
    bool one_round;      /* of that id only `round`; else the first group that has it, or */
    bool every_round;    /* all of them */
    uint64_t round;
    const struct preset *algo; /* whose ratios, clip ranges and weights */
    bool json, csv;            /* instead of tables for people */
    uint64_t bootstrap;        /* samples */
    double confidence;         /* of the intervals */
    uint64_t seed;             /* of the bootstrap */
    struct opt_list fields;    /* further numeric members of responses; columns of metrics */
    const struct opt *opts;    /* the program's table */
};

enum { STAT_BY_MAX = 4096 /* different values of the --by member: the limit `by-values` */ };

bool stat_run(const struct stat_options *o, char *const *files, struct err *e) MUST_CHECK;

#endif
