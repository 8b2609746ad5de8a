/* stat_per_id.c - gcpo-stat --per-id: how each prompt fares from round to round.
 *
 * A line leaves for each group as it comes, with what was counted for the same id
 * before; 16 bytes an id are kept.  Sorting the lines by id gives the histories. */
#include "base/json.h"
#include "base/outfile.h"
#include "report/idtable.h"
#include "report/table.h"
#include "task/stat_parts.h"

#include <stdio.h>

struct history {
    const struct stat_options *o;
    struct idtable ids;
    struct outfile *out;
    struct buf line;
};

struct visit {
    struct str id;
    uint64_t round;
    const struct digest *d;
    struct id_entry before;
};

static void print_visit(const struct stat_options *o, const struct visit *v, struct buf *out)
{
    uint32_t n = v->d->rate.n, c = v->d->rate.c;
    const struct id_entry *b = &v->before;
    if (o->json) {
        buf_puts(out, "{\"id\":");
        json_put_string(out, v->id);
        buf_printf(out,
                   ",\"round\":%llu,\"correct\":%u,\"scorable\":%u,\"correct_before\":%u,"
                   "\"scorable_before\":%u}\n",
                   (unsigned long long)v->round, c, n, b->c, b->n);
        return;
    }
    struct table t = {.align = "rrrrl"};
    char before[32] = "-";
    if (b->n)
        snprintf(before, sizeof before, "%u/%u", b->c, b->n);
    if (o->csv) {
        table_put_str(&t, v->id);
        table_put(&t, "%llu", (unsigned long long)v->round);
        table_put(&t, "%u", c);
        table_put(&t, "%u", n);
        table_put(&t, "%u", b->c);
        table_put(&t, "%u", b->n);
        table_print_csv(&t, 6, out);
    } else {
        buf_printf(out, "%6llu  %4u/%-4u  %9s  ", (unsigned long long)v->round, c, n, before);
        table_put_str(&t, v->id); /* for its cleaning of control characters */
        buf_putstr(out, buf_str(&t.text));
        buf_putc(out, '\n');
    }
    table_free(&t);
}

static bool add_group(void *ctx, struct filter_item *it, const struct digest *d, struct err *e)
{
    struct history *h = ctx;
    struct visit v = {.d = d};
    bool has;
    if (!d->judged)
        return err_set(e, ERR_DATA, "the responses have no verdicts (run gcpo-verify first)");
    if (!group_id(&it->group, &v.id, e) ||
        !get_count(&it->group.top, "", F_ROUND, &has, &v.round, e))
        return false;
    struct id_entry *entry = idtable_get(&h->ids, group_key(v.id));
    v.before = *entry;
    entry->n += d->rate.n;
    entry->c += d->rate.c;
    buf_reset(&h->line);
    print_visit(h->o, &v, &h->line);
    return outfile_write(h->out, h->line.p, h->line.n, e);
}

bool stat_per_id(const struct stat_options *o, char *const *files, struct err *e)
{
    struct history h = {.o = o};
    struct stat_scan scan = {.o = o, .ctx = &h, .group = add_group};
    const char *heading = o->json  ? ""
                          : o->csv ? "id,round,correct,scorable,correct_before,scorable_before\n"
                                   : " round  correct       before  id\n";
    if (!(h.out = outfile_open(o->out, e)))
        return false;
    bool ok = outfile_write(h.out, heading, str_of(heading).n, e) && stat_scan(&scan, files, e);
    if (ok)
        ok = outfile_commit(h.out, e);
    else
        outfile_discard(h.out);
    idtable_free(&h.ids);
    buf_free(&h.line);
    return ok;
}
