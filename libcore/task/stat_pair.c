/* stat_pair.c - gcpo-stat --pair: two files on the same prompts. */
#include "base/json.h"
#include "base/num.h"
#include "report/pair.h"
#include "report/table.h"
#include "task/stat_parts.h"

#include <stdio.h>

/* Groups of the same id are counted together. */
static bool add_group(void *ctx, struct filter_item *it, const struct digest *d, struct err *e)
{
    struct str id;
    if (!d->n_rows)
        return err_set(e, ERR_DATA, "\"responses\" is missing");
    if (!d->judged)
        return err_set(e, ERR_DATA, "the responses have no verdicts (run gcpo-verify first)");
    if (!group_id(&it->group, &id, e))
        return false;
    struct id_entry *entry = idtable_get(ctx, group_key(id));
    if (d->rate.n > UINT32_MAX - entry->n)
        return err_set(e, ERR_DATA, "more than %u responses to one prompt", UINT32_MAX);
    entry->n += d->rate.n;
    entry->c += d->rate.c;
    return true;
}

static void row_name(char out[32], const struct pair_row *r)
{
    if (r->k)
        snprintf(out, 32, "pass@%u", r->k);
    else
        snprintf(out, 32, "mean");
}

static void print_people(const struct pair *p, const struct stat_options *o, char *const *files,
                         struct buf *out)
{
    struct table t = {.align = "lrrrrrr"};
    char name[32];
    buf_printf(out, "A  %s\nB  %s\n\n", files[0], files[1]);
    buf_printf(out, "prompts in both %llu, only in A %llu, only in B %llu\n",
               (unsigned long long)p->both, (unsigned long long)p->only_a,
               (unsigned long long)p->only_b);
    buf_printf(out, "B is better on %llu of them, equal on %llu, worse on %llu\n\n",
               (unsigned long long)p->better, (unsigned long long)p->equal,
               (unsigned long long)p->worse);
    for (const char **h = (const char *[]){"", "A", "B", "B - A", "low", "high", "B better", NULL};
         *h; h++)
        table_put(&t, "%s", *h);
    for (size_t i = 0; i < p->n_rows && p->both; i++) {
        const struct pair_row *r = &p->row[i];
        row_name(name, r);
        table_put(&t, "%s", name);
        table_put(&t, "%.2f%%", 100 * r->a.value);
        table_put(&t, "%.2f%%", 100 * r->b.value);
        table_put(&t, "%+.2f%%", 100 * r->difference.value);
        table_put(&t, "%+.2f%%", 100 * r->difference.low);
        table_put(&t, "%+.2f%%", 100 * r->difference.high);
        table_put(&t, "%.1f%%", 100 * r->difference.above);
    }
    table_print(&t, out);
    table_free(&t);
    buf_printf(out,
               "\nlow, high: %g%% interval of the difference, bootstrap over prompts\n"
               "B better: share of the bootstrap samples in which it is\n",
               100 * o->confidence);
}

static void put_number(struct buf *out, const char *name, double v)
{
    buf_printf(out, ",\"%s\":", name);
    json_put_double(out, v);
}

static void print_json(const struct pair *p, struct buf *out)
{
    char name[32];
    buf_printf(out,
               "{\"both\":%llu,\"only_a\":%llu,\"only_b\":%llu,\"better\":%llu,\"equal\":%llu,"
               "\"worse\":%llu,\"rows\":[",
               (unsigned long long)p->both, (unsigned long long)p->only_a,
               (unsigned long long)p->only_b, (unsigned long long)p->better,
               (unsigned long long)p->equal, (unsigned long long)p->worse);
    for (size_t i = 0; i < p->n_rows && p->both; i++) {
        const struct pair_row *r = &p->row[i];
        row_name(name, r);
        buf_printf(out, "%s{\"name\":\"%s\"", i ? "," : "", name);
        put_number(out, "a", r->a.value);
        put_number(out, "b", r->b.value);
        put_number(out, "difference", r->difference.value);
        put_number(out, "low", r->difference.low);
        put_number(out, "high", r->difference.high);
        put_number(out, "b_better", r->difference.above);
        buf_printf(out, ",\"prompts\":%llu}", (unsigned long long)r->difference.groups);
    }
    buf_puts(out, "]}\n");
}

static void print_csv(const struct pair *p, struct buf *out)
{
    char name[32];
    buf_puts(out, "name,a,b,difference,low,high,b_better,prompts\n");
    for (size_t i = 0; i < p->n_rows && p->both; i++) {
        const struct pair_row *r = &p->row[i];
        const double v[] = {r->a.value,        r->b.value,         r->difference.value,
                            r->difference.low, r->difference.high, r->difference.above};
        row_name(name, r);
        buf_puts(out, name);
        for (size_t k = 0; k < sizeof v / sizeof *v; k++) {
            buf_putc(out, ',');
            json_put_double(out, v[k]);
        }
        buf_printf(out, ",%llu\n", (unsigned long long)r->difference.groups);
    }
}

bool stat_pair(const struct stat_options *o, char *const *files, struct buf *out, struct err *e)
{
    struct idtable side[2] = {{0}, {0}};
    bool ok = true;
    for (int i = 0; i < 2 && ok; i++) {
        struct stat_scan scan = {.o = o, .ctx = &side[i], .group = add_group};
        char *one[] = {files[i], NULL};
        ok = stat_scan(&scan, one, e);
    }
    if (ok) {
        struct pair p;
        pair_compare(&side[0], &side[1], (uint32_t)o->bootstrap, o->confidence, o->seed, &p);
        if (o->json)
            print_json(&p, out);
        else if (o->csv)
            print_csv(&p, out);
        else
            print_people(&p, o, files, out);
    }
    idtable_free(&side[0]);
    idtable_free(&side[1]);
    return ok;
}
