/* prompts.c - see prompts.h. */
#include "task/prompts.h"
#include "base/log.h"
#include "base/rng.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "stream/record.h"
#include "stream/writer.h"

#include <stdlib.h>
#include <string.h>

/* One prompt of the step: the record at this place of the file, in this epoch. */
struct pick {
    uint64_t place, epoch, order;
    struct str line; /* in the arena */
};

static int by_place(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static bool count_records(char *const *files, uint64_t *n, struct err *e)
{
    struct reader *r = reader_open(files, e);
    struct str text;
    *n = 0;
    for (enum stream_event v; r && (v = reader_next(r, &text, e)) != STREAM_END;)
        *n += v == STREAM_LINE;
    reader_close(r);
    if (!e->status && *n == 0)
        err_set(e, ERR_DATA, "%s: there are no prompts", files[0]);
    return e->status == 0;
}

/* Which places of the file the step takes, sorted by place. */
static struct pick *choose(const struct prompts_options *o, uint64_t n_records)
{
    struct pick *picks = xcalloc(o->n, sizeof *picks);
    size_t *order = xcalloc(n_records, sizeof *order);
    uint64_t have = UINT64_MAX;
    for (uint64_t i = 0; i < o->n; i++) {
        uint64_t at = (o->step - 1) * o->n + i, epoch = at / n_records;
        if (epoch != have)
            rng_permutation(o->seed, rng_mix(str_hash(STR("prompts")), epoch), order, n_records);
        have = epoch;
        picks[i] = (struct pick){order[at % n_records], epoch, i, {NULL, 0}};
    }
    free(order);
    qsort(picks, o->n, sizeof *picks, by_place);
    return picks;
}

/* The record with its epoch as "round". */
static bool edit(struct arena *a, struct str line, struct pick *p, struct err *e)
{
    struct group g;
    struct buf b = {0};
    if (!group_parse(&g, a, line, e))
        return false;
    object_set(a, &g.top, F_ROUND, raw_count(a, p->epoch));
    group_print(&g, &b);
    p->line = raw_buf(a, &b);
    buf_free(&b);
    return true;
}

static bool collect(struct pick *picks, uint64_t n, char *const *files, struct arena *a,
                    struct err *e)
{
    struct reader *r = reader_open(files, e);
    struct str text;
    uint64_t at = 0, next = 0;
    for (enum stream_event v; r && next < n && (v = reader_next(r, &text, e)) != STREAM_END;) {
        if (v != STREAM_LINE)
            continue;
        struct str line = {NULL, 0};
        for (; next < n && picks[next].place == at; next++) {
            if (!line.p)
                line = (struct str){arena_strdup(a, text.p, text.n), text.n};
            if (!edit(a, line, &picks[next], e)) {
                err_at(e, "%s:%zu: ", reader_file(r), reader_line(r));
                break;
            }
        }
        if (e->status)
            break;
        at++;
    }
    if (r && !e->status && next < n)
        err_set(e, ERR_DATA, "%s: has changed while it was read", files[0]);
    reader_close(r);
    return e->status == 0;
}

static bool put(const struct prompts_options *o, const struct pick *picks, struct err *e)
{
    struct writer_options wo = {.path = o->out, .plain = o->plain};
    struct buf options = {0}, line = {0}, head = {0};
    opt_canonical(o->opts, &options);
    provenance_line(&line, log_program(), buf_str(&options), STR(""));
    provenance_head(&head, STR(""), buf_str(&line));
    struct writer *w = writer_open(&wo, e);
    bool ok = w && writer_begin(w, buf_str(&head), e);
    for (uint64_t i = 0; ok && i < o->n; i++)
        ok = writer_line(w, picks[i].line, e);
    ok = ok && writer_end(w, e);
    if (ok)
        ok = writer_commit(w, e);
    else
        writer_discard(w);
    buf_free(&options);
    buf_free(&line);
    buf_free(&head);
    return ok;
}

bool prompts_run(const struct prompts_options *o, char *const *files, struct err *e)
{
    uint64_t n_records;
    struct arena a = {0};
    if (!count_records(files, &n_records, e))
        return false;
    if ((o->step - 1) > UINT64_MAX / 2 / o->n)
        return err_set(e, ERR_USAGE, "--step %llu is too large", (unsigned long long)o->step);
    log_info("%llu prompts in the file: step %llu of %llu prompts begins in epoch %llu",
             (unsigned long long)n_records, (unsigned long long)o->step, (unsigned long long)o->n,
             (unsigned long long)((o->step - 1) * o->n / n_records));
    struct pick *picks = choose(o, n_records);
    bool ok = collect(picks, o->n, files, &a, e);
    if (ok) {
        qsort(picks, o->n, sizeof *picks, by_order);
        ok = put(o, picks, e);
    }
    free(picks);
    arena_free(&a);
    return ok;
}
