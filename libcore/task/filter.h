/* filter.h - the shape that the stream programs share: groups in, groups out.
 *
 *     reader -> (batch) -> map, on -j threads -> after, in input order -> writer
 *
 * Output order is input order, segments map to segments, provenance grows by one
 * line, a bad record stops everything with nothing committed (or goes to the
 * reject file), and what is written for a group does not depend on threads. */
#ifndef TASK_FILTER_H
#define TASK_FILTER_H

#include "base/opt.h"
#include "stream/record.h"

/* One group on its way through.  Everything in it lives until `after` returns. */
struct filter_item {
    struct group group;  /* as parsed; map edits it */
    struct arena *arena; /* the group's arena */
    size_t number;       /* of this group in the run, from 0 */
    size_t worker;       /* which thread maps it, below the number of threads */
    const char *file;    /* where it came from, for messages of your own */
    size_t line;
    bool drop;       /* set by map or after: not written */
    bool raw;        /* set by map or after: `text` is written, not the group */
    struct str text; /* the line as it was read; after may put another in its place */
    void *result;    /* map -> after, from the arena */
};

struct filter_options {
    const char *out;    /* -o */
    const char *reject; /* --reject */
    bool plain, line_buffered;
    uint64_t threads; /* -j; 0: one per processor */
};

struct filter {
    struct filter_options io;
    const struct opt *opts; /* for the provenance line */
    struct str provenance;  /* further members of that line, raw JSON; may be empty */

    void *ctx; /* given to the functions below */
    /* Called from several threads: reads ctx, writes only to its item. */
    bool (*map)(void *ctx, struct filter_item *it, struct err *e);
    /* Called in input order from one thread.  May be NULL. */
    bool (*after)(void *ctx, struct filter_item *it, struct err *e);
    /* Called with the head of each input segment (n = 0: none).  May be NULL. */
    bool (*segment)(void *ctx, struct str head, struct err *e);
    /* Called when every group is through: what is written besides is committed here, so that where
     * the output is, everything is.  May be NULL. */
    bool (*end)(void *ctx, struct err *e);
    bool sink; /* nothing is written: gcpo-stat */
    bool stop; /* set by after: enough, the rest of the input is not looked at */

    uint64_t n_groups, n_rejected; /* filled by filter_run */
};

/* Runs over the files (NULL-terminated; none: standard input). */
bool filter_run(struct filter *f, char *const *files, struct err *e) MUST_CHECK;

/* The options above, for a program's table. */
#define FILTER_OPTIONS(io)                                                                         \
    OPT_HEADING("Input and output"), OPT_OUTPUT(&(io)->out), OPT_PLAIN(&(io)->plain),              \
        OPT_REJECT(&(io)->reject), OPT_THREADS(&(io)->threads)

#endif
