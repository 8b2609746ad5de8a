/* stat.c - see stat.h; one tally for each value of --by, or one in all.
 *
 * A line without prompt, messages and responses is a line of metrics.  A run of
 * the program takes either groups or metrics. */
#include "task/stat.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "report/series.h"
#include "report/table.h"
#include "task/member.h"
#include "task/stat_parts.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_WIDTH = 80 };

/* ---- reading ---- */

static bool is_metrics(const struct group *g)
{
    return !g->has_responses && !object_get(&g->top, F_PROMPT) && !object_get(&g->top, F_MESSAGES);
}

static bool scan_map(void *ctx, struct filter_item *it, struct err *e)
{
    const struct stat_scan *s = ctx;
    if (is_metrics(&it->group))
        return true;
    struct digest *d = arena_alloc(it->arena, sizeof *d);
    it->result = d;
    return digest_group(&it->group, s->fields, s->n_fields, d, e);
}

static bool scan_after(void *ctx, struct filter_item *it, struct err *e)
{
    struct stat_scan *s = ctx;
    if (it->result)
        return s->group(s->ctx, it, it->result, e);
    if (s->metrics)
        return s->metrics(s->ctx, it, e);
    return err_set(e, ERR_DATA, "\"prompt\" and \"responses\" are missing (expected a group)");
}

bool stat_scan(struct stat_scan *s, char *const *files, struct err *e)
{
    struct filter f = {.io = {.threads = s->o->threads},
                       .opts = s->o->opts,
                       .ctx = s,
                       .map = scan_map,
                       .after = scan_after,
                       .sink = true};
    return filter_run(&f, files, e);
}

bool stat_write(const struct stat_options *o, struct str text, struct err *e)
{
    struct outfile *f = outfile_open(o->out, e);
    if (!f)
        return false;
    if (!outfile_write(f, text.p, text.n, e)) {
        outfile_discard(f);
        return false;
    }
    return outfile_commit(f, e);
}

/* ---- cells ---- */

struct cell {
    struct str name; /* owned */
    size_t order;    /* of first appearance */
    uint64_t hash;
    struct tally *tally;
    struct series series;
};

struct cells {
    const struct stat_options *o;
    struct digest_field *fields;
    size_t n_fields;
    struct cell *cell;
    size_t n, last; /* last: where the latest group went */
    struct tally *all;
    bool groups, metrics; /* seen */
};

static struct cell *find_cell(struct cells *c, struct str name, struct err *e)
{
    uint64_t hash = str_hash(name);
    for (size_t i = 0; i < c->n; i++) {
        struct cell *k = &c->cell[(c->last + i) % c->n];
        if (k->hash == hash && str_eq(k->name, name)) {
            c->last = (size_t)(k - c->cell);
            return k;
        }
    }
    if (c->n == STAT_BY_MAX) {
        err_set(e, ERR_DATA, "more than %d different values (by-values)", STAT_BY_MAX);
        return NULL;
    }
    c->cell = xrealloc(c->cell, c->n + 1, sizeof *c->cell);
    char *copy = xmalloc(name.n + 1);
    memcpy(copy, name.p, name.n);
    struct cell new = {{copy, name.n}, c->n, hash, tally_new(c->n_fields), {0}};
    c->cell[c->n] = new;
    return &c->cell[c->n++];
}

static bool refuse_mixture(struct err *e)
{
    return err_set(e, ERR_DATA, "groups and metrics in one run (give them apart)");
}

static bool add_group(void *ctx, struct filter_item *it, const struct digest *d, struct err *e)
{
    struct cells *c = ctx;
    c->groups = true;
    if (c->metrics)
        return refuse_mixture(e);
    if (c->o->by || c->o->by_file) {
        struct str name = c->o->by_file ? str_of(it->file)
                                        : member_text(it->arena, &it->group.top, c->o->by);
        struct cell *cell = find_cell(c, name, e);
        if (!cell)
            return false;
        tally_add(cell->tally, d);
    }
    tally_add(c->all, d);
    return true;
}

static bool add_metrics(void *ctx, struct filter_item *it, struct err *e)
{
    struct cells *c = ctx;
    c->metrics = true;
    if (c->groups)
        return refuse_mixture(e);
    if (c->o->by)
        return err_set(e, ERR_DATA, "a line of metrics (--by wants groups)");
    struct cell *cell = find_cell(c, str_of(it->file), e);
    struct buf line = {0};
    if (!cell)
        return false;
    object_print(&it->group.top, &line);
    bool ok = series_add(&cell->series, buf_str(&line), e);
    buf_free(&line);
    return ok;
}

/* ---- printing ---- */

/* Byte order, but runs of digits by their value: "Level 2" before "Level 10". */
static int compare_natural(struct str a, struct str b)
{
    size_t i = 0, k = 0;
    while (i < a.n && k < b.n) {
        size_t ni = i, nk = k;
        while (ni < a.n && a.p[ni] >= '0' && a.p[ni] <= '9')
            ni++;
        while (nk < b.n && b.p[nk] >= '0' && b.p[nk] <= '9')
            nk++;
        if (ni > i && nk > k) {
            while (i < ni && a.p[i] == '0')
                i++;
            while (k < nk && b.p[k] == '0')
                k++;
            struct str x = str_slice(a, i, ni), y = str_slice(b, k, nk);
            int order = x.n != y.n ? (x.n < y.n ? -1 : 1) : str_cmp(x, y);
            if (order)
                return order;
            i = ni, k = nk;
        } else if (a.p[i] != b.p[k]) {
            return (unsigned char)a.p[i] < (unsigned char)b.p[k] ? -1 : 1;
        } else {
            i++, k++;
        }
    }
    return i < a.n ? 1 : k < b.n ? -1 : str_cmp(a, b);
}

static int compare_cells(const void *a, const void *b)
{
    return compare_natural(((const struct cell *)a)->name, ((const struct cell *)b)->name);
}

/* sheets[n - 1] is that of all groups together. */
static void print_json(const char *by, const struct sheet *sheets, const struct str *names,
                       size_t n, const struct sheet_options *so, struct buf *out)
{
    if (!by) {
        sheet_put_json(&sheets[n - 1], so, out);
        buf_putc(out, '\n');
        return;
    }
    buf_puts(out, "{\"by\":");
    json_put_string(out, str_of(by));
    buf_puts(out, ",\"cells\":[");
    for (size_t i = 0; i + 1 < n; i++) {
        buf_puts(out, i ? ",{\"value\":" : "{\"value\":");
        json_put_string(out, names[i]);
        buf_puts(out, ",\"stat\":");
        sheet_put_json(&sheets[i], so, out);
        buf_putc(out, '}');
    }
    buf_puts(out, "],\"all\":");
    sheet_put_json(&sheets[n - 1], so, out);
    buf_puts(out, "}\n");
}

static void print_cells(struct cells *c, const struct sheet_options *so, struct buf *out)
{
    size_t n = c->n + 1;
    struct sheet *sheets = xcalloc(n, sizeof *sheets);
    struct str *names = xcalloc(n, sizeof *names);
    const char *by = c->o->by_file ? "file" : c->o->by;
    if (c->o->by)
        qsort(c->cell, c->n, sizeof *c->cell, compare_cells);
    for (size_t i = 0; i < n; i++) {
        names[i] = i < c->n ? c->cell[i].name : STR("(all)");
        sheet_make(i < c->n ? c->cell[i].tally : c->all, so, rates_largest(&c->all->rates),
                   &sheets[i]);
    }
    if (c->o->json)
        print_json(by, sheets, names, n, so, out);
    else if (c->o->csv)
        sheet_print_csv(by ? sheets : &sheets[n - 1], by ? n : 1, by, names, so, out);
    else if (by)
        sheet_print_rows(sheets, n, by, names, so, out);
    else
        sheet_print(&sheets[n - 1], so, out);
    free(names);
    free(sheets);
}

static void print_metrics(struct cells *c, struct buf *out)
{
    const struct opt_list *f = &c->o->fields;
    struct series *s = xcalloc(c->n, sizeof *s);
    struct str *names = xcalloc(c->n, sizeof *names);
    for (size_t i = 0; i < c->n; i++) {
        s[i] = c->cell[i].series;
        names[i] = c->cell[i].name;
    }
    if (c->o->csv)
        series_print_csv(s, names, c->n, f->items, f->n, out);
    else if (c->o->json)
        series_put_json(s, names, c->n, f->items, f->n, out);
    for (size_t i = 0; i < c->n && !c->o->csv && !c->o->json; i++) {
        if (c->n > 1)
            buf_printf(out, "%s%.*s\n", i ? "\n" : "", STR_ARG(names[i]));
        series_print(&s[i], f->items, f->n, TABLE_WIDTH, out);
    }
    free(names);
    free(s);
}

static void free_cells(struct cells *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free((char *)(uintptr_t)c->cell[i].name.p);
        tally_free(c->cell[i].tally);
        series_free(&c->cell[i].series);
    }
    free(c->cell);
    free(c->fields);
    tally_free(c->all);
}

/* The members that are averaged: those that our programs write, then the user's. */
static void choose_fields(struct cells *c)
{
    static const struct digest_field own[] = {
        {"reward", false}, {"length_penalty", false}, {"format_bonus", false}, {"advantage", true}};
    const size_t n_own = sizeof own / sizeof *own;
    c->fields = xcalloc(n_own + c->o->fields.n, sizeof *c->fields);
    memcpy(c->fields, own, sizeof own);
    c->n_fields = n_own;
    for (size_t i = 0; i < c->o->fields.n; i++)
        c->fields[c->n_fields++] = (struct digest_field){c->o->fields.items[i], false};
}

static bool tables(const struct stat_options *o, char *const *files, struct buf *out, struct err *e)
{
    struct cells c = {.o = o};
    choose_fields(&c);
    c.all = tally_new(c.n_fields);
    struct stat_scan scan = {o, c.fields, c.n_fields, &c, add_group, add_metrics};
    bool ok = stat_scan(&scan, files, e);
    struct sheet_options so = {c.fields, c.n_fields, (uint32_t)o->bootstrap, o->confidence,
                               o->seed};
    if (ok && c.metrics)
        print_metrics(&c, out);
    else if (ok)
        print_cells(&c, &so, out);
    free_cells(&c);
    return ok;
}

bool stat_run(const struct stat_options *o, char *const *files, struct err *e)
{
    struct buf out = {0};
    if (o->explain)
        return stat_explain(o, files, e);
    if (o->per_id)
        return stat_per_id(o, files, e);
    bool ok = o->pair ? stat_pair(o, files, &out, e) : tables(o, files, &out, e);
    ok = ok && stat_write(o, buf_str(&out), e);
    buf_free(&out);
    return ok;
}
