/* cat_merge.c - gcpo-cat --merge: groups of the same id and round become one.
 *
 * The input is read twice (see spool.h): first to count how often each (id, round)
 * occurs, 16 bytes for each; then groups that occur once pass, and parts of the
 * others are held until the last of them is there. */
#include "base/mem.h"
#include "report/idtable.h"
#include "stream/spool.h"
#include "task/cat.h"

#include <stdlib.h>
#include <string.h>

struct parts { /* of one group, in input order */
    char **line;
    size_t *length, n;
};

struct merge {
    struct idtable seen; /* n: how often the group occurs; c: index of its parts, plus 1 */
    struct parts *held;
    size_t n_held;
    bool counting;
};

static bool key_of(const struct group *g, uint64_t *key, struct err *e)
{
    struct str id;
    uint64_t round = 0;
    bool has;
    if (!group_id(g, &id, e) || !get_count(&g->top, "", F_ROUND, &has, &round, e))
        return false;
    /* str_hash once more: the round must not cancel against another id's hash */
    const uint64_t both[2] = {group_key(id), round};
    *key = str_hash((struct str){(const char *)both, sizeof both});
    return true;
}

static bool pass(void *ctx, struct filter_item *it, struct err *e)
{
    (void)ctx;
    (void)e;
    it->raw = true;
    return true;
}

static void hold(struct parts *p, struct str line)
{
    p->line = xrealloc(p->line, p->n + 1, sizeof *p->line);
    p->length = xrealloc(p->length, p->n + 1, sizeof *p->length);
    p->line[p->n] = xmalloc(line.n + 1);
    memcpy(p->line[p->n], line.p, line.n);
    p->length[p->n++] = line.n;
}

static void let_go(struct parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->line[i]);
    free(p->line);
    free(p->length);
    *p = (struct parts){0};
}

/* ---- joining ---- */

struct part {
    struct group g;
    uint64_t first; /* sample number of its first response */
};

static int compare_parts(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Parts must be of the same prompt, and not hold what depends on the whole group. */
static bool check_part(const struct group *first, const struct group *g, struct err *e)
{
    static const enum field same[] = {F_PROMPT, F_MESSAGES,      F_SYSTEM,
                                      F_ANSWER, F_PROMPT_TOKENS, F_MAX_TOKENS};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const struct str *a = object_get(&first->top, same[i]), *b = object_get(&g->top, same[i]);
        if ((a != NULL) != (b != NULL) || (a && !str_eq(*a, *b)))
            return err_set(e, ERR_DATA, "\"%s\" differs from that of the same group elsewhere",
                           field_name(same[i]));
    }
    for (size_t i = 0; i < g->n_responses; i++) {
        enum source source;
        const char *where = response_where(g->arena, i);
        if (object_get(&g->responses[i], F_ADVANTAGE))
            return err_set(e, ERR_DATA, "\"%sadvantage\" is there (merge before gcpo-advantage)",
                           where);
        if (!get_source(g->arena, &g->responses[i], where, &source, e))
            return false;
        if (source == SOURCE_GOLD)
            return err_set(e, ERR_DATA,
                           "responses[%zu] is a gold (take it out: gcpo-inject-gold --undo)", i);
    }
    return true;
}

/* The parts, sorted by sample number, into one group; the numbers must have no gap. */
static bool join(struct part *parts, size_t n, struct group *out, struct err *e)
{
    struct arena *a = parts[0].g.arena;
    size_t total = 0, at = 0;
    qsort(parts, n, sizeof *parts, compare_parts);
    for (size_t i = 0; i < n; i++) {
        uint64_t next = parts[0].first + total;
        if (parts[i].first != next)
            return err_set(e, ERR_DATA, "sample %llu %s (samples up to %llu are there)",
                           (unsigned long long)parts[i].first,
                           parts[i].first < next ? "is there twice" : "leaves a gap before it",
                           (unsigned long long)next - 1);
        total += parts[i].g.n_responses;
    }
    if (total > RECORD_RESPONSES_MAX)
        return err_set(e, ERR_DATA, "%zu responses together (at most %d: responses)", total,
                       RECORD_RESPONSES_MAX);
    struct object *all = arena_array(a, total, sizeof *all);
    for (size_t i = 0; i < n; i++) {
        if (parts[i].g.n_responses)
            memcpy(all + at, parts[i].g.responses, parts[i].g.n_responses * sizeof *all);
        at += parts[i].g.n_responses;
    }
    *out = parts[0].g;
    group_set_responses(out, all, total);
    return true;
}

static bool merge_parts(const struct parts *p, struct filter_item *it, struct err *e)
{
    struct part *parts = arena_array(it->arena, p->n, sizeof *parts);
    bool has;
    for (size_t i = 0; i < p->n; i++) {
        struct str line = {p->line[i], p->length[i]};
        parts[i].first = 0;
        if (!group_parse(&parts[i].g, it->arena, line, e) ||
            !get_count(&parts[i].g.top, "", F_FIRST_SAMPLE, &has, &parts[i].first, e) ||
            !check_part(&parts[0].g, &parts[i].g, e))
            return false;
    }
    struct buf text = {0};
    bool ok = join(parts, p->n, &it->group, e);
    if (ok) {
        group_print(&it->group, &text);
        it->text = raw_buf(it->arena, &text);
    }
    buf_free(&text);
    return ok;
}

static bool take(void *ctx, struct filter_item *it, struct err *e)
{
    struct merge *m = ctx;
    uint64_t key;
    if (!key_of(&it->group, &key, e))
        return false;
    struct id_entry *entry = idtable_get(&m->seen, key);
    if (m->counting) {
        entry->n++;
        return true;
    }
    if (entry->n == 1)
        return true;
    if (!entry->c) {
        m->held = xrealloc(m->held, m->n_held + 1, sizeof *m->held);
        m->held[m->n_held++] = (struct parts){0};
        entry->c = (uint32_t)m->n_held;
    }
    struct parts *p = &m->held[entry->c - 1];
    hold(p, it->text);
    if (p->n < entry->n) {
        it->drop = true;
        return true;
    }
    bool ok = merge_parts(p, it, e);
    let_go(p);
    return ok;
}

bool cat_merge(const struct cat_options *o, char *const *files, struct err *e)
{
    struct merge m = {.counting = true};
    struct filter f = {
        .io = o->io, .opts = o->opts, .ctx = &m, .map = pass, .after = take, .sink = true};
    struct spool *spool = spool_open(files, e);
    bool ok = spool && spool_rewind(spool, e) && filter_run(&f, spool_files(spool), e);
    m.counting = f.sink = false;
    ok = ok && spool_rewind(spool, e) && filter_run(&f, spool_files(spool), e);
    for (size_t i = 0; i < m.n_held; i++)
        let_go(&m.held[i]);
    free(m.held);
    idtable_free(&m.seen);
    spool_close(spool);
    return ok;
}
