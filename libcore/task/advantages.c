/* advantages.c - see advantages.h. */
#include "task/advantages.h"
#include "base/log.h"
#include "base/outfile.h"
#include "stream/spool.h"

#include <string.h>

struct assign {
    const struct advantages_options *o;
    struct advantages_counts *counts;
    struct advantage_batch batch;
    bool second; /* a batch rule's second reading */
    struct outfile *dropped;
};

/* What map found out about a group. */
struct assigned {
    struct advantage_row *rows;
    double *adv;
    size_t n;
    struct outcome outcome;
    bool judged, contrast;
    enum gold_fate fate;
};

/* ---- reading ---- */

/* "tokens" of a response, counted without reading them. */
static bool row_length(const struct object *r, const char *where, double *length, struct err *e)
{
    const struct str *v = object_get(r, F_TOKENS);
    if (!v || json_type(*v) != JSON_ARRAY)
        return err_set(e, ERR_DATA,
                       "\"%stokens\" is %s (this rule weighs rows by their length in tokens)",
                       where, v ? json_type_name(json_type(*v)) : "missing");
    *length = (double)json_count(*v);
    return true;
}

static bool read_row(const struct assign *as, const struct group *g, size_t i,
                     struct advantage_row *row, enum verdict *v, struct err *e)
{
    const struct object *r = &g->responses[i];
    const char *where = response_where(g->arena, i);
    const struct str *reward = object_get(r, F_REWARD);
    enum source source;
    bool has;
    *row = (struct advantage_row){.length = 1};
    if (!reward)
        return err_set(e, ERR_DATA, "\"%sreward\" is missing (unscorable is null)", where);
    if (!get_double(r, where, F_REWARD, &has, &row->reward, e) ||
        !get_verdict(g->arena, r, where, F_VERDICT, v, e) ||
        !get_source(g->arena, r, where, &source, e))
        return false;
    if (has && *v != VERDICT_ABSENT && !verdict_is_scorable(*v))
        return err_set(e, ERR_DATA, "\"%sreward\" is %.*s, but the verdict is %s (expected null)",
                       where, STR_ARG(*reward), verdict_name(*v));
    row->scorable = has;
    row->gold = source == SOURCE_GOLD;
    return !advantage_uses_lengths(as->o->rule, &as->o->rl) ||
           row_length(r, where, &row->length, e);
}

/* Contrast is a matter of verdicts; rewards decide where nothing was judged. */
static bool has_contrast(const struct assigned *a, const enum verdict *v)
{
    size_t first = a->n;
    bool rewards = false, right = false, wrong = false;
    for (size_t i = 0; i < a->n; i++) {
        if (!a->rows[i].scorable)
            continue;
        if (first == a->n)
            first = i;
        rewards = rewards || a->rows[i].reward != a->rows[first].reward;
        right = right || v[i] == VERDICT_CORRECT;
        wrong = wrong || v[i] == VERDICT_WRONG || v[i] == VERDICT_NO_ANSWER;
    }
    return a->judged ? right && wrong : rewards;
}

static bool read_group(const struct assign *as, const struct group *g, struct assigned *a,
                       struct err *e)
{
    a->n = g->n_responses;
    a->rows = arena_array(g->arena, a->n, sizeof *a->rows);
    a->adv = arena_array(g->arena, a->n, sizeof *a->adv);
    enum verdict *v = arena_array(g->arena, a->n, sizeof *v);
    for (size_t i = 0; i < a->n; i++) {
        if (!read_row(as, g, i, &a->rows[i], &v[i], e))
            return false;
        a->judged = a->judged || v[i] != VERDICT_ABSENT;
    }
    a->contrast = has_contrast(a, v);
    return (!a->judged || group_outcome(g, &a->outcome, e)) && get_gold_fate(g, &a->fate, e);
}

/* ---- the two readings ---- */

static bool assign_group(const struct assign *as, struct filter_item *it, struct err *e)
{
    struct assigned *a = arena_alloc(it->arena, sizeof *a);
    *a = (struct assigned){.fate = N_FATES};
    it->result = a;
    if (!read_group(as, &it->group, a, e)) {
        struct err unused = ERR_NONE;
        struct str id;
        if (group_id(&it->group, &id, &unused))
            err_at(e, "record %.*s: ", STR_ARG(id));
        return false;
    }
    advantage_group(as->o->rule, &as->o->rl, a->rows, a->n, a->adv);
    return true;
}

static bool first_map(void *ctx, struct filter_item *it, struct err *e)
{
    return assign_group(ctx, it, e);
}

static bool first_after(void *ctx, struct filter_item *it, struct err *e)
{
    struct assign *as = ctx;
    const struct assigned *a = it->result;
    (void)e;
    advantage_collect(as->o->rule, &as->o->rl, a->rows, a->n, a->adv, &as->batch);
    return true;
}

static bool map(void *ctx, struct filter_item *it, struct err *e)
{
    const struct assign *as = ctx;
    struct group *g = &it->group;
    if (!assign_group(as, it, e))
        return false;
    const struct assigned *a = it->result;
    if (as->second)
        advantage_finish(as->o->rule, &as->o->rl, &as->batch, a->rows, a->n, a->adv);
    for (size_t i = 0; i < a->n; i++) {
        struct str value = a->rows[i].scorable ? raw_double(it->arena, a->adv[i]) : STR("null");
        object_set(it->arena, &g->responses[i], F_ADVANTAGE, value);
    }
    it->drop = as->o->keep_contrast && !a->contrast;
    return true;
}

static void count(struct advantages_counts *c, const struct assigned *a)
{
    c->groups++;
    c->flat += !a->contrast;
    if (a->judged) {
        c->contrasts[a->outcome.contrast]++;
        c->all_truncated += a->outcome.contrast == CONTRAST_ALL_WRONG && a->outcome.n &&
                            a->outcome.truncated == a->outcome.n;
    } else {
        c->unjudged++;
    }
    if (a->fate < N_FATES)
        c->rejected[a->fate]++;
    bool injected = false;
    for (size_t i = 0; i < a->n; i++) {
        bool gold = a->rows[i].gold;
        injected = injected || gold;
        if (!a->rows[i].scorable) {
            c->unscorable++;
            continue;
        }
        c->rows[gold]++;
        sum_add(a->adv[i] > 0 ? &c->plus[gold] : &c->minus[gold], a->adv[i]);
    }
    c->injected += injected;
}

static bool note_dropped(struct outfile *out, const struct filter_item *it, struct err *e)
{
    const struct assigned *a = it->result;
    struct str id;
    struct buf line = {0};
    if (!group_id(&it->group, &id, e))
        return false;
    buf_puts(&line, "{\"id\":");
    json_put_string(&line, id);
    if (a->judged)
        buf_printf(&line, ",\"contrast\":\"%s\"", contrast_name(a->outcome.contrast));
    buf_puts(&line, "}\n");
    bool ok = outfile_write(out, line.p, line.n, e);
    buf_free(&line);
    return ok;
}

static bool after(void *ctx, struct filter_item *it, struct err *e)
{
    struct assign *as = ctx;
    const struct assigned *a = it->result;
    count(as->counts, a);
    as->counts->dropped += it->drop;
    return a->contrast || !as->dropped || note_dropped(as->dropped, it, e);
}

/* Statistics of the whole batch; what is wrong with the input is found here already. */
static bool read_first(const struct filter *f, char *const *files, struct err *e)
{
    struct filter first = *f;
    enum log_level level = log_level();
    first.sink = true;
    first.map = first_map;
    first.after = first_after;
    first.end = NULL;
    if (f->io.reject) { /* the second reading writes and counts them */
        first.io.reject = "/dev/null";
        log_set_level(LOG_QUIET);
    }
    bool ok = filter_run(&first, files, e);
    log_set_level(level);
    return ok;
}

static bool run(struct assign *as, struct filter *f, char *const *files, struct err *e)
{
    if (!advantage_is_batch(as->o->rule, &as->o->rl))
        return filter_run(f, files, e);
    struct spool *s = spool_open(files, e);
    bool ok = s && spool_rewind(s, e) && read_first(f, spool_files(s), e);
    as->second = true;
    ok = ok && spool_rewind(s, e) && filter_run(f, spool_files(s), e);
    spool_close(s);
    return ok;
}

static bool end(void *ctx, struct err *e)
{
    struct assign *as = ctx;
    struct outfile *f = as->dropped;
    as->dropped = NULL;
    return !f || outfile_commit(f, e);
}

bool advantages_run(const struct advantages_options *o, struct filter *f, char *const *files,
                    struct advantages_counts *counts, struct err *e)
{
    struct assign as = {.o = o, .counts = counts};
    *counts = (struct advantages_counts){0};
    f->ctx = &as;
    f->map = map;
    f->after = after;
    f->end = end;
    if (o->dropped_file && !(as.dropped = outfile_open(o->dropped_file, e)))
        return false;
    bool ok = run(&as, f, files, e);
    outfile_discard(as.dropped);
    return ok;
}
