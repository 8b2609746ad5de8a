/* stat_explain.c - gcpo-stat --explain: one group with every number. */
#include "base/outfile.h"
#include "report/explain.h"
#include "task/stat_parts.h"

struct explaining {
    const struct stat_options *o;
    struct filter filter;
    struct buf out;
    size_t n;
};

static bool is_meant(const struct stat_options *o, const struct group *g, bool *meant,
                     struct err *e)
{
    struct str id;
    uint64_t round = 0;
    bool has;
    *meant = false;
    if (!group_id(g, &id, e))
        return false;
    if (!str_is(id, o->explain))
        return true;
    if (!get_count(&g->top, "", F_ROUND, &has, &round, e))
        return false;
    *meant = !o->one_round || round == o->round;
    return true;
}

static bool map(void *ctx, struct filter_item *it, struct err *e)
{
    const struct explaining *x = ctx;
    bool meant;
    if (!is_meant(x->o, &it->group, &meant, e) || !meant)
        return e->status == 0;
    struct explained *r = arena_alloc(it->arena, sizeof *r);
    it->result = r;
    return explain_group(&it->group, x->o->algo, r, e);
}

static bool after(void *ctx, struct filter_item *it, struct err *e)
{
    struct explaining *x = ctx;
    const struct explained *r = it->result;
    (void)e;
    if (!r)
        return true;
    if (x->o->json) {
        explain_put_json(r, &x->out);
    } else {
        if (x->n)
            buf_putc(&x->out, '\n');
        explain_print(r, it->file, it->line, &x->out);
    }
    x->n++;
    x->filter.stop = !x->o->every_round;
    return true;
}

bool stat_explain(const struct stat_options *o, char *const *files, struct err *e)
{
    struct explaining x = {.o = o};
    x.filter = (struct filter){.io = {.threads = o->threads},
                               .opts = o->opts,
                               .ctx = &x,
                               .map = map,
                               .after = after,
                               .sink = true};
    bool ok = filter_run(&x.filter, files, e);
    if (ok && x.n == 0 && o->one_round)
        ok = err_set(e, ST_NO, "no group has the id '%s' and the round %llu", o->explain,
                     (unsigned long long)o->round);
    else if (ok && x.n == 0)
        ok = err_set(e, ST_NO, "no group has the id '%s'", o->explain);
    ok = ok && stat_write(o, buf_str(&x.out), e);
    buf_free(&x.out);
    return ok;
}
