/* stat_parts.h - what the files of gcpo-stat share; nobody else includes it. */
#ifndef TASK_STAT_PARTS_H
#define TASK_STAT_PARTS_H

#include "report/sheet.h"
#include "task/filter.h"
#include "task/stat.h"

/* Runs `after` over the groups of the files; it->result is a struct digest *
 * of the group, made with n_fields fields. */
struct stat_scan {
    const struct stat_options *o;
    const struct digest_field *fields;
    size_t n_fields;
    void *ctx;
    bool (*group)(void *ctx, struct filter_item *it, const struct digest *d, struct err *e);
    bool (*metrics)(void *ctx, struct filter_item *it, struct err *e); /* NULL: refused */
};
bool stat_scan(struct stat_scan *s, char *const *files, struct err *e) MUST_CHECK;

bool stat_pair(const struct stat_options *o, char *const *files, struct buf *out, struct err *e);
bool stat_explain(const struct stat_options *o, char *const *files, struct err *e);
bool stat_per_id(const struct stat_options *o, char *const *files, struct err *e);

/* The text to the output file. */
bool stat_write(const struct stat_options *o, struct str text, struct err *e);

#endif
