/* report.c - see report.h. */
#include "task/report.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "base/rng.h"
#include "report/page.h"
#include "stream/reader.h"
#include "task/filter.h"
#include "task/programs.h"
#include "task/report_group.h"

#include <stdlib.h>
#include <string.h>

enum { CURVE_WIDTH = 640, CURVE_HEIGHT = 320, PROVENANCE_WIDTH = 100 };

/* ---- choosing groups of a step: those with the smallest keys ---- */

struct pick {
    uint64_t key;
    size_t number;
    char *line;
    size_t n;
};

struct picking {
    struct pick *pick;
    size_t n, most, seen;
    uint64_t seed;
};

static bool nothing(void *ctx, struct filter_item *it, struct err *e)
{
    (void)ctx;
    (void)it;
    (void)e;
    return true;
}

static bool pick_group(void *ctx, struct filter_item *it, struct err *e)
{
    struct picking *p = ctx;
    struct str id;
    uint64_t round = 0;
    bool has;
    if (!group_id(&it->group, &id, e) || !get_count(&it->group.top, "", F_ROUND, &has, &round, e))
        return false;
    struct pick new = {rng_u64(p->seed, rng_mix(group_key(id), round), 0, 0), it->number, NULL, 0};
    size_t at = p->n;
    p->seen++;
    while (at && p->pick[at - 1].key > new.key)
        at--;
    if (at == p->most)
        return true;
    if (p->n == p->most)
        free(p->pick[--p->n].line);
    memmove(p->pick + at + 1, p->pick + at, (p->n - at) * sizeof *p->pick);
    new.line = xmalloc(it->text.n + 1);
    memcpy(new.line, it->text.p, it->text.n);
    new.n = it->text.n;
    p->pick[at] = new;
    p->n++;
    return true;
}

static int compare_picks(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* ---- groups of a run ---- */

struct gathering {
    const struct report_options *o;
    const struct run *run;
    const struct tokenizer *tok;
    struct buf html;
    size_t n, seen, room; /* groups shown, groups there, bytes that may be used */
};

static bool render(struct gathering *g, const struct picking *p, size_t step, struct err *e)
{
    struct arena arena = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < p->n && g->html.n < g->room; i++) {
        struct group group;
        arena_reset(&arena);
        ok = group_parse(&group, &arena, (struct str){p->pick[i].line, p->pick[i].n}, e) &&
             report_group(&group, g->run->name, step, g->tok, &g->html, e);
        g->n += ok;
    }
    arena_free(&arena);
    return ok;
}

static bool gather_step(struct gathering *g, const struct run_groups *file, size_t most,
                        struct err *e)
{
    struct picking p = {.most = most, .seed = g->o->seed};
    struct filter f = {.io.threads = 1,
                       .opts = g->o->opts,
                       .ctx = &p,
                       .map = nothing,
                       .after = pick_group,
                       .sink = true};
    p.pick = xcalloc(most + 1, sizeof *p.pick);
    bool ok = filter_run(&f, (char *[]){file->path, NULL}, e);
    if (ok) {
        qsort(p.pick, p.n, sizeof *p.pick, compare_picks);
        ok = render(g, &p, file->step, e) || err_at(e, "%s: ", file->path);
    }
    g->seen += p.seen;
    for (size_t i = 0; i < p.n; i++)
        free(p.pick[i].line);
    free(p.pick);
    return ok;
}

/* From REPORT_STEPS steps, evenly spread, the first and the last among them. */
static bool gather_run(struct gathering *g, struct err *e)
{
    size_t n = g->run->n_groups < REPORT_STEPS ? g->run->n_groups : REPORT_STEPS, left;
    left = (size_t)g->o->groups;
    if (n > left)
        n = left;
    size_t room = g->room - g->html.n, start = g->html.n;
    for (size_t i = 0; i < n; i++) {
        size_t at = n > 1 ? i * (g->run->n_groups - 1) / (n - 1) : g->run->n_groups - 1;
        size_t most = left / (n - i);
        g->room = start + room * (i + 1) / n;
        if (!gather_step(g, &g->run->groups[at], most, e))
            return false;
        left -= most;
    }
    return true;
}

/* The tokenizer of -m, or of the model that the run began with, if it is there. */
static bool open_tokenizer(const struct report_options *o, const struct run *r,
                           struct tokenizer **out, struct err *e)
{
    const char *dir = o->model ? o->model : run_param(r, "MODEL");
    struct err ignored = ERR_NONE;
    *out = NULL;
    if (!dir)
        return true;
    *out = tokenizer_open(dir, o->model ? e : &ignored);
    if (ignored.status)
        log_info("%s: tokens are not shaded: %s", r->name, ignored.text);
    return *out || !o->model;
}

/* What the head of the run's last stream says. */
static bool put_provenance(const struct run *r, struct buf *out, struct err *e)
{
    struct arena arena = {0};
    struct str head, programs, line;
    if (!r->n_groups)
        return true;
    const char *path = r->groups[r->n_groups - 1].path;
    struct reader *in = reader_open((char *[]){(char *)(uintptr_t)path, NULL}, e);
    if (in && reader_next(in, &head, e) == STREAM_SEGMENT && head.n &&
        json_get(head, "programs", &programs)) {
        buf_printf(out, "%s\n", path);
        for (struct json_iter it = json_iter(programs); json_next(&it, NULL, &line);)
            programs_put(out, &arena, line, false, PROVENANCE_WIDTH);
    }
    reader_close(in);
    arena_free(&arena);
    return e->status == 0;
}

static bool gather(const struct report_options *o, const struct run *runs, size_t n, size_t room,
                   struct page *page, struct buf *html, struct buf *provenance, struct err *e)
{
    struct gathering g = {.o = o};
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        struct tokenizer *tok = NULL;
        ok = open_tokenizer(o, &runs[i], &tok, e);
        g.run = &runs[i];
        g.tok = tok;
        g.room = room / n * (i + 1);
        ok = ok && (!o->groups || gather_run(&g, e)) && put_provenance(&runs[i], provenance, e);
        tokenizer_close(tok);
    }
    *html = g.html;
    page->groups = buf_str(html);
    page->n_groups = g.n;
    if (g.n < g.seen)
        log_info("%zu of %zu groups of the chosen steps are shown", g.n, g.seen);
    return ok;
}

/* ---- output ---- */

static bool make_page(const struct report_options *o, const struct run *runs, size_t n,
                      const struct curves *curves, struct buf *out, struct err *e)
{
    struct buf html = {0}, provenance = {0};
    struct page page = {.runs = runs,
                        .n_runs = n,
                        .curves = curves,
                        .groups_note = "A random sample of groups from steps spread evenly over "
                                       "each run. A gold row is the policy's no longer: what it "
                                       "displaced stands below it, and counts."};
    page_put(&page, out);
    size_t rest = REPORT_BYTES > out->n ? REPORT_BYTES - out->n : 0;
    buf_reset(out);
    size_t room = rest < REPORT_GROUP_BYTES ? rest : REPORT_GROUP_BYTES;
    bool ok = gather(o, runs, n, room, &page, &html, &provenance, e);
    page.provenance = buf_str(&provenance);
    if (ok)
        page_put(&page, out);
    buf_free(&html);
    buf_free(&provenance);
    return ok;
}

static bool make_curve(const char *name, const struct curves *curves, struct buf *out,
                       struct err *e)
{
    const struct curve *c = curves_find(curves, name);
    struct buf names = {0};
    if (c) {
        svg_put(&c->chart, CURVE_WIDTH, CURVE_HEIGHT, true, out);
        return true;
    }
    for (size_t i = 0; i < curves->n; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", curves->c[i].name);
    err_set(e, ERR_USAGE, "there is no curve '%s' (expected one of %s)", name,
            names.n ? buf_cstr(&names) : "none");
    buf_free(&names);
    return false;
}

static bool write_out(const char *path, struct str text, struct err *e)
{
    struct outfile *f = outfile_open(path, e);
    if (!f)
        return false;
    if (!outfile_write(f, text.p, text.n, e)) {
        outfile_discard(f);
        return false;
    }
    return outfile_commit(f, e);
}

static void rename_run(struct run *r, struct buf *name)
{
    buf_cstr(name);
    free(r->name);
    r->name = name->p;
}

/* Runs of one name are called by their folder as well, and those of one folder get numbers. */
static void tell_apart(struct run *runs, size_t n)
{
    bool same[REPORT_RUNS_MAX] = {false};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            same[i] |= k != i && strcmp(runs[i].name, runs[k].name) == 0;
    for (size_t i = 0; i < n; i++) {
        struct str dir = str_of(runs[i].dir), name = str_of(runs[i].name);
        size_t at = str_rfind(dir, name), from = 0;
        if (!same[i] || at == STR_NONE || at < 2)
            continue;
        for (size_t p = 0; p + 1 < at; p++)
            from = dir.p[p] == '/' ? p + 1 : from;
        struct buf b = {0};
        buf_putstr(&b, str_slice(dir, from, at + name.n));
        rename_run(&runs[i], &b);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1, number = 2; k < n; k++)
            if (strcmp(runs[i].name, runs[k].name) == 0) {
                struct buf b = {0};
                buf_printf(&b, "%s (%zu)", runs[k].name, number++);
                rename_run(&runs[k], &b);
            }
}

bool report_run(const struct report_options *o, char *const *dirs, struct err *e)
{
    struct run runs[REPORT_RUNS_MAX];
    struct curves curves = {0};
    struct buf out = {0};
    size_t n = 0;
    bool ok = true;
    for (; ok && dirs[n]; n += ok)
        ok = n < REPORT_RUNS_MAX ? run_open(&runs[n], dirs[n], e)
                                 : err_set(e, ERR_USAGE, "more than %d runs", REPORT_RUNS_MAX);
    if (ok) {
        tell_apart(runs, n);
        curves_make(&curves, runs, n);
        ok = o->svg ? make_curve(o->svg, &curves, &out, e)
                    : make_page(o, runs, n, &curves, &out, e);
    }
    ok = ok && write_out(o->out, buf_str(&out), e);
    curves_free(&curves);
    for (size_t i = 0; i < n; i++)
        run_close(&runs[i]);
    buf_free(&out);
    return ok;
}
