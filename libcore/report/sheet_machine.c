/* sheet_machine.c - see sheet.h; JSON and CSV. */
#include "base/json.h"
#include "base/num.h"
#include "report/sheet.h"
#include "report/table.h"

#include <stdlib.h>

static const char *const class_names[N_LENGTH_CLASSES] = {"all", "correct", "wrong", "truncated"};

static void put_u64(struct buf *out, const char *name, uint64_t v)
{
    buf_printf(out, "\"%s\":%llu,", name, (unsigned long long)v);
}

static void put_double(struct buf *out, const char *name, double v)
{
    buf_printf(out, "\"%s\":", name);
    json_put_double(out, v);
    buf_putc(out, ',');
}

/* Ends an object or array whose last member has left a comma. */
static void close_with(struct buf *out, char end)
{
    if (out->p[out->n - 1] == ',')
        out->n--;
    buf_putc(out, end);
    buf_putc(out, ',');
}

static void put_estimate(struct buf *out, const struct estimate *e)
{
    if (!e->groups)
        buf_puts(out, "\"value\":null,");
    else
        put_double(out, "value", e->value);
    if (e->groups) {
        put_double(out, "low", e->low);
        put_double(out, "high", e->high);
    }
    put_u64(out, "groups", e->groups);
}

static void put_counts(const struct tally *t, struct buf *out)
{
    static const char *const names[] = {"no_verdict", "correct",       "wrong",
                                        "no_answer",  "bad_reference", "error"};
    put_u64(out, "prompts", t->prompts);
    put_u64(out, "groups", t->groups);
    put_u64(out, "unjudged", t->unjudged);
    buf_puts(out, "\"contrast\":{");
    put_u64(out, "mixed", t->contrast[CONTRAST_MIXED]);
    put_u64(out, "all_wrong", t->contrast[CONTRAST_ALL_WRONG]);
    put_u64(out, "all_right", t->contrast[CONTRAST_ALL_RIGHT]);
    put_u64(out, "unscorable", t->contrast[CONTRAST_UNSCORABLE]);
    put_u64(out, "all_truncated", t->all_truncated);
    close_with(out, '}');
    buf_puts(out, "\"responses\":{");
    put_u64(out, "n", t->responses);
    for (int v = 0; v < N_VERDICTS; v++)
        put_u64(out, names[v], t->verdicts[v]);
    put_u64(out, "truncated", t->truncated);
    put_u64(out, "least_in_group", t->least_n);
    put_u64(out, "most_in_group", t->largest_n);
    close_with(out, '}');
    put_u64(out, "gold_rows", t->gold_rows);
}

static void put_rates(const struct sheet *s, struct buf *out)
{
    buf_puts(out, "\"mean\":{");
    put_estimate(out, &s->mean);
    close_with(out, '}');
    buf_puts(out, "\"pass\":[");
    for (size_t i = 0; i < s->n_pass; i++) {
        buf_putc(out, '{');
        put_u64(out, "k", s->k[i]);
        put_estimate(out, &s->pass[i]);
        close_with(out, '}');
    }
    close_with(out, ']');
    buf_puts(out, "\"majority\":{");
    put_estimate(out, &s->majority);
    close_with(out, '}');
    buf_puts(out, "\"no_contrast\":[");
    for (int i = 0; i < SHEET_NO_CONTRAST_MAX && s->mean.groups; i++) {
        buf_putc(out, '{');
        put_u64(out, "group_size", s->size[i]);
        put_double(out, "all_wrong", s->all_wrong[i]);
        put_double(out, "all_right", s->all_right[i]);
        buf_printf(out, "\"extrapolated\":%s", s->extrapolated[i] ? "true" : "false");
        close_with(out, '}');
    }
    close_with(out, ']');
}

static void put_lengths(const char *unit, const struct lengths *l, struct buf *out)
{
    buf_printf(out, "\"%s\":{", unit);
    for (int c = 0; c < N_LENGTH_CLASSES; c++) {
        if (!l[c].count)
            continue;
        buf_printf(out, "\"%s\":{", class_names[c]);
        put_u64(out, "n", l[c].count);
        put_double(out, "mean", lengths_mean(&l[c]));
        put_u64(out, "min", l[c].least);
        put_u64(out, "median", lengths_quantile(&l[c], 0.5));
        put_u64(out, "p90", lengths_quantile(&l[c], 0.9));
        put_u64(out, "max", l[c].largest);
        close_with(out, '}');
    }
    close_with(out, '}');
}

static void put_numbers(const struct tally *t, const struct sheet_options *o, struct buf *out)
{
    buf_puts(out, "\"numbers\":{");
    for (size_t f = 0; f < o->n_fields; f++) {
        const struct moments *m = &t->numbers[f];
        if (!m->n)
            continue;
        json_put_string(out, str_of(o->fields[f].name));
        buf_puts(out, ":{");
        put_u64(out, "n", m->n);
        put_double(out, "mean", moments_mean(m));
        put_double(out, "std", moments_std(m));
        put_double(out, "min", m->least);
        put_double(out, "max", m->largest);
        close_with(out, '}');
    }
    close_with(out, '}');
}

static void put_words(const char *name, const struct words *w, struct buf *out)
{
    buf_printf(out, "\"%s\":{", name);
    for (size_t i = 0; i < w->n; i++) {
        json_put_string(out, str_of(w->w[i].text));
        buf_printf(out, ":%llu,", (unsigned long long)w->w[i].count);
    }
    close_with(out, '}');
}

void sheet_put_json(const struct sheet *s, const struct sheet_options *o, struct buf *out)
{
    buf_putc(out, '{');
    put_counts(s->tally, out);
    put_rates(s, out);
    buf_puts(out, "\"length\":{");
    put_lengths("tokens", s->tally->tokens, out);
    put_lengths("characters", s->tally->characters, out);
    close_with(out, '}');
    put_numbers(s->tally, o, out);
    put_words("gold_verdict", &s->tally->gold_verdicts, out);
    put_words("gold_fate", &s->tally->fates, out);
    close_with(out, '}');
    out->n--;
}

static void cell_u64(struct table *a, uint64_t v)
{
    table_put(a, "%llu", (unsigned long long)v);
}

static void cell_double(struct table *a, bool has, double v)
{
    char text[NUM_MAX] = "";
    if (has)
        num_print_double(text, v);
    table_put(a, "%s", text);
}

static void csv_heading(const struct sheet *s, const struct sheet_options *o, struct table *a)
{
    static const char *const heads[] = {"prompts",
                                        "groups",
                                        "unjudged",
                                        "mixed",
                                        "all_wrong",
                                        "all_right",
                                        "unscorable",
                                        "all_truncated",
                                        "responses",
                                        "correct",
                                        "wrong",
                                        "no_answer",
                                        "bad_reference",
                                        "error",
                                        "truncated",
                                        "gold_rows",
                                        "mean",
                                        "mean_low",
                                        "mean_high",
                                        "majority",
                                        "tokens",
                                        "tokens_correct",
                                        "tokens_wrong",
                                        "tokens_truncated",
                                        "characters",
                                        "characters_correct",
                                        "characters_wrong",
                                        "characters_truncated"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_put(a, "%s", heads[i]);
    for (size_t i = 0; i < s->n_pass; i++)
        table_put(a, "pass@%u", s->k[i]);
    for (size_t f = 0; f < o->n_fields; f++)
        table_put_str(a, str_of(o->fields[f].name));
}

static void csv_row(const struct sheet *s, const struct sheet_options *o, struct table *a)
{
    const struct tally *t = s->tally;
    cell_u64(a, t->prompts);
    cell_u64(a, t->groups);
    cell_u64(a, t->unjudged);
    for (int c = 0; c < N_CONTRASTS; c++)
        cell_u64(a, t->contrast[c]);
    cell_u64(a, t->all_truncated);
    cell_u64(a, t->responses);
    for (int v = VERDICT_CORRECT; v < N_VERDICTS; v++)
        cell_u64(a, t->verdicts[v]);
    cell_u64(a, t->truncated);
    cell_u64(a, t->gold_rows);
    cell_double(a, s->mean.groups, s->mean.value);
    cell_double(a, s->mean.groups, s->mean.low);
    cell_double(a, s->mean.groups, s->mean.high);
    cell_double(a, s->majority.groups, s->majority.value);
    for (int unit = 0; unit < 2; unit++)
        for (int c = 0; c < N_LENGTH_CLASSES; c++) {
            const struct lengths *l = unit ? &t->characters[c] : &t->tokens[c];
            cell_double(a, l->count, lengths_mean(l));
        }
    for (size_t i = 0; i < s->n_pass; i++)
        cell_double(a, s->pass[i].groups, s->pass[i].value);
    for (size_t f = 0; f < o->n_fields; f++)
        cell_double(a, t->numbers[f].n, moments_mean(&t->numbers[f]));
}

void sheet_print_csv(const struct sheet *s, size_t n, const char *by, const struct str *names,
                     const struct sheet_options *o, struct buf *out)
{
    struct table a = {0};
    if (by)
        table_put_str(&a, str_of(by));
    csv_heading(s, o, &a);
    size_t columns = a.n;
    for (size_t i = 0; i < n; i++) {
        if (by)
            table_put_str(&a, names[i]);
        csv_row(&s[i], o, &a);
    }
    table_print_csv(&a, columns, out);
    table_free(&a);
}
