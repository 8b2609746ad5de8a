/* cat.c - see cat.h; choosing groups, and writing or showing them. */
#include "task/cat.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "base/rng.h"
#include "report/idtable.h"
#include "stream/reader.h"
#include "stream/spool.h"
#include "task/reading.h"
#include "task/where.h"

#include <stdlib.h>
#include <string.h>

struct draw { /* a group in the sample */
    uint64_t key;
    size_t number;
};

struct choice {
    const struct cat_options *o;
    struct where *where;
    struct idtable listed; /* of --ids */
    bool *found;           /* [ids.n] */
    size_t n_found, n_chosen;
    struct draw *heap; /* the sample: the largest key is first */
    size_t n_heap;
    bool drawing; /* the first of two readings */
    struct reading reading;
    struct tokenizer *tok;
    struct outfile *out;
    struct buf page;
    struct filter filter;
};

/* ---- choosing ---- */

static bool id_wanted(const struct choice *c, struct str id, size_t *which)
{
    for (size_t i = 0; i < c->o->ids.n; i++)
        if (str_is(id, c->o->ids.items[i])) {
            *which = i;
            return true;
        }
    return false;
}

/* The ids of the records in --ids FILE. */
static bool read_ids(struct choice *c, struct err *e)
{
    char *files[] = {(char *)c->o->ids_file, NULL};
    struct reader *r = reader_open(files, e);
    struct arena a = {0};
    struct str line, id;
    struct group g;
    for (enum stream_event v; r && (v = reader_next(r, &line, e)) != STREAM_END;) {
        if (v != STREAM_LINE)
            continue;
        arena_reset(&a);
        if (!group_parse(&g, &a, line, e) || !group_id(&g, &id, e)) {
            err_at(e, "%s:%zu: ", reader_file(r), reader_line(r));
            break;
        }
        idtable_get(&c->listed, group_key(id))->n = 1;
    }
    arena_free(&a);
    reader_close(r);
    return e->status == 0;
}

static bool choose(void *ctx, struct filter_item *it, struct err *e)
{
    const struct choice *c = ctx;
    bool holds = true;
    size_t which;
    it->raw = true;
    if (c->o->ids.n || c->o->ids_file) {
        struct str id;
        if (!group_id(&it->group, &id, e))
            return false;
        holds = (!c->o->ids.n || id_wanted(c, id, &which)) &&
                (!c->o->ids_file || idtable_find(&c->listed, group_key(id)));
    }
    if (holds && !where_holds(c->where, &it->group, &holds, e))
        return false;
    it->drop = !holds;
    return true;
}

/* ---- sampling: the groups whose keys are smallest ---- */

static bool above(const struct draw *a, const struct draw *b)
{
    return a->key != b->key ? a->key > b->key : a->number > b->number;
}

static void sift_down(struct choice *c, size_t i)
{
    for (;;) {
        size_t most = i;
        for (size_t k = 2 * i + 1; k <= 2 * i + 2; k++)
            if (k < c->n_heap && above(&c->heap[k], &c->heap[most]))
                most = k;
        if (most == i)
            return;
        struct draw swap = c->heap[i];
        c->heap[i] = c->heap[most];
        c->heap[most] = swap;
        i = most;
    }
}

static void add_draw(struct choice *c, struct draw d)
{
    if (c->n_heap == c->o->sample) {
        if (above(&c->heap[0], &d)) {
            c->heap[0] = d;
            sift_down(c, 0);
        }
        return;
    }
    c->heap = xrealloc(c->heap, c->n_heap + 1, sizeof *c->heap);
    size_t i = c->n_heap++;
    for (; i && above(&d, &c->heap[(i - 1) / 2]); i = (i - 1) / 2)
        c->heap[i] = c->heap[(i - 1) / 2];
    c->heap[i] = d;
}

/* What a group's place in the sample depends on: the seed, its id and round. */
static bool draw_key(const struct choice *c, const struct group *g, uint64_t *key, struct err *e)
{
    struct str id;
    uint64_t round = 0;
    bool has;
    if (!group_id(g, &id, e) || !get_count(&g->top, "", F_ROUND, &has, &round, e))
        return false;
    *key = rng_u64(c->o->seed, rng_mix(group_key(id), round), 0, 0);
    return true;
}

static int compare_numbers(const void *a, const void *b)
{
    const struct draw *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Sorted by number: in the second reading the sample comes in order. */
static bool is_next(const struct choice *c, size_t number)
{
    return c->n_chosen < c->n_heap && c->heap[c->n_chosen].number == number;
}

/* ---- using what was chosen ---- */

static bool show(struct choice *c, const struct filter_item *it, struct err *e)
{
    buf_reset(&c->page);
    bool ok = c->o->list ? reading_put_line(&c->reading, &it->group, &c->page, e)
                         : reading_put(&c->reading, &it->group, &c->page, e);
    return ok && outfile_write(c->out, c->page.p, c->page.n, e);
}

/* Of each id that was asked for, the first hit is enough. */
static bool note_id(struct choice *c, const struct group *g, bool *repeated, struct err *e)
{
    struct str id;
    size_t which = 0;
    if (!group_id(g, &id, e))
        return false;
    if (!id_wanted(c, id, &which))
        return true;
    *repeated = c->found[which];
    c->n_found += !c->found[which];
    c->found[which] = true;
    return true;
}

static bool use(void *ctx, struct filter_item *it, struct err *e)
{
    struct choice *c = ctx;
    if (it->drop)
        return true;
    if (c->drawing) {
        struct draw d = {.number = it->number};
        if (!draw_key(c, &it->group, &d.key, e))
            return false;
        add_draw(c, d);
        return true;
    }
    if (c->o->sample)
        it->drop = !is_next(c, it->number);
    else if (c->o->ids.n && !note_id(c, &it->group, &it->drop, e))
        return false;
    if (it->drop)
        return true;
    c->n_chosen++;
    c->filter.stop = (c->o->head && c->n_chosen == c->o->head) ||
                     (c->o->sample && c->n_chosen == c->n_heap) ||
                     (!c->o->sample && c->o->ids.n && c->n_found == c->o->ids.n);
    return !c->out || show(c, it, e);
}

/* ---- running ---- */

static bool run(struct choice *c, char *const *files, struct err *e)
{
    c->filter = (struct filter){.io = c->o->io,
                                .opts = c->o->opts,
                                .ctx = c,
                                .map = choose,
                                .after = use,
                                .sink = c->drawing || c->o->text || c->o->list};
    return filter_run(&c->filter, files, e);
}

/* Reads twice: which groups are in the sample, and then those. */
static bool run_sample(struct choice *c, char *const *files, struct err *e)
{
    struct spool *spool = spool_open(files, e);
    if (!spool)
        return false;
    c->drawing = true;
    bool ok = spool_rewind(spool, e) && run(c, spool_files(spool), e);
    c->drawing = false;
    if (ok) {
        qsort(c->heap, c->n_heap, sizeof *c->heap, compare_numbers);
        ok = spool_rewind(spool, e) && run(c, spool_files(spool), e);
    }
    spool_close(spool);
    return ok;
}

static bool open_page(struct choice *c, struct err *e)
{
    const struct cat_options *o = c->o;
    if (!o->text && !o->list)
        return true;
    if (o->model && !(c->tok = tokenizer_open(o->model, e)))
        return false;
    c->reading = (struct reading){o->colour, (size_t)o->width, (size_t)o->lines, c->tok};
    if (!(c->out = outfile_open(o->io.out, e)))
        return false;
    struct str heading = str_of(o->list ? reading_line_heading : "");
    return outfile_write(c->out, heading.p, heading.n, e);
}

static bool all_found(const struct choice *c, struct err *e)
{
    for (size_t i = 0; i < c->o->ids.n && !c->o->sample && !c->o->head; i++)
        if (!c->found[i])
            return err_set(e, ST_NO, "no group has the id '%s'", c->o->ids.items[i]);
    return true;
}

bool cat_run(const struct cat_options *o, char *const *files, struct err *e)
{
    struct choice c = {.o = o};
    c.found = xcalloc(o->ids.n + 1, sizeof *c.found);
    bool ok = (c.where = where_parse(&o->where, e)) && (!o->ids_file || read_ids(&c, e)) &&
              open_page(&c, e) && (o->sample ? run_sample(&c, files, e) : run(&c, files, e));
    if (c.out && ok)
        ok = outfile_commit(c.out, e);
    else if (c.out)
        outfile_discard(c.out);
    ok = ok && all_found(&c, e);
    tokenizer_close(c.tok);
    where_free(c.where);
    idtable_free(&c.listed);
    buf_free(&c.page);
    free(c.heap);
    free(c.found);
    return ok;
}
