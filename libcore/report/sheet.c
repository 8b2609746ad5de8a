/* sheet.c - see sheet.h; the estimates and the tables for people. */
#include "report/sheet.h"
#include "report/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { FIRST_COLUMN = 24, ROW_WIDTH = 80, NAME_LEAST = 8 };

void sheet_make(const struct tally *t, const struct sheet_options *o, uint32_t largest,
                struct sheet *out)
{
    struct statistic s[2 + SHEET_PASS_MAX] = {{STATISTIC_MEAN, 0}, {STATISTIC_MAJORITY, 0}};
    struct estimate e[2 + SHEET_PASS_MAX];
    *out = (struct sheet){.tally = t};
    for (uint32_t k = 1; k && k <= largest; k *= 2)
        out->k[out->n_pass++] = k;
    if (out->n_pass && out->k[out->n_pass - 1] != largest)
        out->k[out->n_pass++] = largest;
    for (size_t i = 0; i < out->n_pass; i++)
        s[2 + i] = (struct statistic){STATISTIC_PASS, out->k[i]};
    rates_estimate(&t->rates, s, 2 + out->n_pass, o->replicates, o->confidence, o->seed, e);
    out->mean = e[0];
    out->majority = e[1];
    for (size_t i = 0; i < out->n_pass; i++)
        out->pass[i] = e[2 + i];
    for (int i = 0; i < SHEET_NO_CONTRAST_MAX; i++) {
        out->size[i] = 2u << i;
        rates_no_contrast(&t->rates, out->size[i], &out->all_wrong[i], &out->all_right[i],
                          &out->extrapolated[i]);
    }
}

static void put_share(struct table *t, uint64_t part, uint64_t whole)
{
    if (whole)
        table_put(t, "%.1f%%", 100 * (double)part / (double)whole);
    else
        table_put(t, "-");
}

static void put_counted(struct table *t, const char *name, uint64_t part, uint64_t whole)
{
    char text[32];
    table_put(t, "  %s", name);
    table_put(t, "%s", table_count(text, part));
    put_share(t, part, whole);
    table_put(t, "%s", "");
}

static void put_heading(struct table *t, const char *name, uint64_t n, const char *note)
{
    char text[32];
    table_put(t, "%s", name);
    table_put(t, "%s", table_count(text, n));
    table_put(t, "%s", "");
    table_put(t, "%s", note);
}

static void print_counts(const struct tally *t, struct buf *out)
{
    struct table a = {.align = "lrrl", .first = FIRST_COLUMN};
    uint64_t judged = tally_judged(t), verdicts = 0;
    char note[80] = "";
    if (t->prompts)
        put_heading(&a, "prompts, not yet sampled", t->prompts, "");
    put_heading(&a, "groups", t->groups, "");
    if (t->unjudged)
        put_counted(&a, "without verdicts", t->unjudged, t->groups);
    if (judged) {
        put_counted(&a, "mixed", t->contrast[CONTRAST_MIXED], judged);
        put_counted(&a, "all wrong", t->contrast[CONTRAST_ALL_WRONG], judged);
        if (t->all_truncated)
            put_counted(&a, "  all of them cut off", t->all_truncated, judged);
        put_counted(&a, "all right", t->contrast[CONTRAST_ALL_RIGHT], judged);
        put_counted(&a, "unscorable", t->contrast[CONTRAST_UNSCORABLE], judged);
    }
    if (t->least_n == t->largest_n)
        snprintf(note, sizeof note, "%zu in a group", t->least_n);
    else
        snprintf(note, sizeof note, "%zu to %zu in a group", t->least_n, t->largest_n);
    if (t->responses)
        put_heading(&a, "responses", t->responses, note);
    for (int v = VERDICT_CORRECT; v < N_VERDICTS; v++) {
        static const char *const names[] = {"",          "correct",       "wrong",
                                            "no answer", "bad reference", "error"};
        verdicts += t->verdicts[v];
        if (t->verdicts[v] || (judged && v <= VERDICT_NO_ANSWER))
            put_counted(&a, names[v], t->verdicts[v], t->responses);
    }
    if (verdicts && t->responses > verdicts)
        put_counted(&a, "without a verdict", t->responses - verdicts, t->responses);
    if (t->responses)
        put_counted(&a, "cut off by the limit", t->truncated, t->responses);
    if (t->gold_rows)
        put_heading(&a, "gold rows", t->gold_rows, "what they displaced is counted above");
    table_print(&a, out);
    table_free(&a);
}

static void put_estimate(struct table *a, const struct estimate *e, uint64_t all, const char *fmt,
                         ...) PRINTF_LIKE(4, 5);

static void put_estimate(struct table *a, const struct estimate *e, uint64_t all, const char *fmt,
                         ...)
{
    char name[64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    if (!e->groups)
        return;
    table_put(a, "  %s", name);
    table_put(a, "%.2f%%", 100 * e->value);
    table_put(a, "%.2f%%", 100 * e->low);
    table_put(a, "%.2f%%", 100 * e->high);
    if (e->groups < all)
        table_put(a, "over the %llu groups that are large enough", (unsigned long long)e->groups);
    else
        table_put(a, "%s", "");
}

static void print_accuracy(const struct sheet *s, const struct sheet_options *o, struct buf *out)
{
    const struct tally *t = s->tally;
    struct table a = {.align = "lrrrl", .first = FIRST_COLUMN};
    char k[32];
    if (!s->mean.groups)
        return;
    if (t->least_n == t->largest_n)
        snprintf(k, sizeof k, "%zu", t->least_n);
    else
        snprintf(k, sizeof k, "%zu-%zu", t->least_n, t->largest_n);
    table_put(&a, "accuracy");
    table_put(&a, "%s", "");
    table_put(&a, "low");
    table_put(&a, "high");
    table_put(&a, "(%g%% bootstrap interval)", 100 * o->confidence);
    put_estimate(&a, &s->mean, s->mean.groups, "mean@%s = pass@1", k);
    for (size_t i = 1; i < s->n_pass; i++)
        put_estimate(&a, &s->pass[i], s->mean.groups, "pass@%u", s->k[i]);
    put_estimate(&a, &s->majority, s->mean.groups, "majority@%s", k);
    buf_putc(out, '\n');
    table_print(&a, out);
    table_free(&a);
}

static void print_no_contrast(const struct sheet *s, struct buf *out)
{
    struct table a = {.align = "lrrrrrrr", .first = FIRST_COLUMN};
    bool extrapolated = false;
    if (!s->mean.groups)
        return;
    table_put(&a, "expected at group size");
    for (int i = 0; i < SHEET_NO_CONTRAST_MAX; i++) {
        table_put(&a, "%u%s", s->size[i], s->extrapolated[i] ? "~" : "");
        extrapolated |= s->extrapolated[i];
    }
    table_put(&a, "  all wrong");
    for (int i = 0; i < SHEET_NO_CONTRAST_MAX; i++)
        table_put(&a, "%.1f%%", 100 * s->all_wrong[i]);
    table_put(&a, "  all right");
    for (int i = 0; i < SHEET_NO_CONTRAST_MAX; i++)
        table_put(&a, "%.1f%%", 100 * s->all_right[i]);
    table_put(&a, "  no contrast");
    for (int i = 0; i < SHEET_NO_CONTRAST_MAX; i++)
        table_put(&a, "%.1f%%", 100 * (s->all_wrong[i] + s->all_right[i]));
    buf_putc(out, '\n');
    table_print(&a, out);
    if (extrapolated)
        buf_puts(out, "  ~ extrapolated: larger than the groups seen\n");
    table_free(&a);
}

static void put_lengths(struct table *a, const char *name, const struct lengths *l)
{
    char text[32];
    if (!l->count)
        return;
    table_put(a, "  %s", name);
    table_put(a, "%s", table_count(text, l->count));
    table_put(a, "%.1f", lengths_mean(l));
    table_put(a, "%llu", (unsigned long long)l->least);
    table_put(a, "%llu", (unsigned long long)lengths_quantile(l, 0.5));
    table_put(a, "%llu", (unsigned long long)lengths_quantile(l, 0.9));
    table_put(a, "%llu", (unsigned long long)l->largest);
}

static void print_lengths(const struct lengths *l, const char *unit, struct buf *out)
{
    static const char *const names[N_LENGTH_CLASSES] = {"all", "correct", "wrong, no answer",
                                                        "cut off"};
    static const char *const heads[] = {"responses", "mean", "min", "median", "90%", "max"};
    struct table a = {.align = "lrrrrrr", .first = FIRST_COLUMN};
    if (!l[LENGTH_ALL].count)
        return;
    table_put(&a, "length, %s", unit);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_put(&a, "%s", heads[i]);
    for (int c = 0; c < N_LENGTH_CLASSES; c++)
        put_lengths(&a, names[c], &l[c]);
    buf_putc(out, '\n');
    table_print(&a, out);
    table_free(&a);
}

static void print_numbers(const struct tally *t, const struct sheet_options *o, struct buf *out)
{
    static const char *const heads[] = {"number", "responses", "mean", "std", "min", "max"};
    struct table a = {.align = "lrrrrr", .first = FIRST_COLUMN};
    char text[32];
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_put(&a, "%s", heads[i]);
    size_t empty = a.n;
    for (size_t f = 0; f < o->n_fields; f++) {
        const struct moments *m = &t->numbers[f];
        if (!m->n)
            continue;
        table_put(&a, "  %.60s", o->fields[f].name);
        table_put(&a, "%s", table_count(text, m->n));
        double mean = moments_mean(m), size = fmax(fabs(m->least), fabs(m->largest));
        table_put(&a, "%.5g", fabs(mean) < 1e-12 * size ? 0 : mean); /* what rounding left */
        table_put(&a, "%.5g", moments_std(m));
        table_put(&a, "%.5g", m->least);
        table_put(&a, "%.5g", m->largest);
    }
    if (a.n > empty) {
        buf_putc(out, '\n');
        table_print(&a, out);
    }
    table_free(&a);
}

static void print_words(const struct words *w, const char *heading, struct buf *out)
{
    struct table a = {.align = "lrrl", .first = FIRST_COLUMN};
    uint64_t all = 0;
    for (size_t i = 0; i < w->n; i++)
        all += w->w[i].count;
    if (!all)
        return;
    put_heading(&a, heading, all, "");
    for (size_t i = 0; i < w->n; i++)
        put_counted(&a, w->w[i].text, w->w[i].count, all);
    buf_putc(out, '\n');
    table_print(&a, out);
    table_free(&a);
}

void sheet_print(const struct sheet *s, const struct sheet_options *o, struct buf *out)
{
    print_counts(s->tally, out);
    print_accuracy(s, o, out);
    print_no_contrast(s, out);
    print_lengths(s->tally->tokens, "tokens", out);
    print_lengths(s->tally->characters, "characters", out);
    print_numbers(s->tally, o, out);
    print_words(&s->tally->gold_verdicts, "golds by verdict", out);
    print_words(&s->tally->fates, "golds by fate", out);
}

static void put_row(struct table *a, const struct sheet *s, bool unscorable)
{
    const struct tally *t = s->tally;
    const struct lengths *l = t->tokens[LENGTH_ALL].count ? t->tokens : t->characters;
    uint64_t judged = tally_judged(t);
    char text[32];
    table_put(a, "%s", table_count(text, t->groups));
    put_share(a, t->contrast[CONTRAST_MIXED], judged);
    put_share(a, t->contrast[CONTRAST_ALL_WRONG], judged);
    put_share(a, t->contrast[CONTRAST_ALL_RIGHT], judged);
    if (unscorable)
        put_share(a, t->contrast[CONTRAST_UNSCORABLE], judged);
    if (s->mean.groups) {
        table_put(a, "%.1f%%", 100 * s->mean.value);
        table_put(a, "%.1f-%.1f", 100 * s->mean.low, 100 * s->mean.high);
    } else {
        table_put(a, "-");
        table_put(a, "%s", "");
    }
    if (s->n_pass && s->pass[s->n_pass - 1].groups)
        table_put(a, "%.1f%%", 100 * s->pass[s->n_pass - 1].value);
    else
        table_put(a, "-");
    if (l[LENGTH_ALL].count)
        table_put(a, "%.1f", lengths_mean(&l[LENGTH_ALL]));
    else
        table_put(a, "-");
}

/* At most `most` code points of a name: its end, which tells files apart. */
static void put_name(struct table *a, struct str name, size_t most)
{
    struct buf b = {0};
    size_t n = utf8_length(name), i = 0;
    for (size_t skip = n > most ? n - most + 3 : 0; skip; skip--)
        utf8_next(name, &i);
    if (i)
        buf_puts(&b, "...");
    buf_putstr(&b, str_slice(name, i, name.n));
    table_put_str(a, buf_str(&b));
    buf_free(&b);
}

static void put_row_heads(struct table *a, const struct sheet *s, size_t n, bool unscorable,
                          double confidence)
{
    size_t tokens = 0;
    for (size_t i = 0; i < n; i++)
        tokens += s[i].tally->tokens[LENGTH_ALL].count;
    table_put(a, "groups");
    table_put(a, "mixed");
    table_put(a, "wrong");
    table_put(a, "right");
    if (unscorable)
        table_put(a, "unscor.");
    table_put(a, "mean");
    table_put(a, "%g%% int.", 100 * confidence);
    table_put(a, "pass@%u", s[0].n_pass ? s[0].k[s[0].n_pass - 1] : 1);
    table_put(a, "%s", tokens ? "tokens" : "chars");
}

static size_t longest_line(struct str text)
{
    size_t most = 0;
    for (size_t i = 0; i < text.n;) {
        size_t end = str_find(text, STR("\n"), i);
        size_t n = utf8_length(str_slice(text, i, end));
        most = n > most ? n : most;
        i = end + 1;
    }
    return most;
}

void sheet_print_rows(const struct sheet *s, size_t n, const char *by, const struct str *names,
                      const struct sheet_options *o, struct buf *out)
{
    struct buf text = {0};
    bool unscorable = false;
    size_t most = ROW_WIDTH, width = 0; /* of a name */
    for (size_t i = 0; i < n; i++)
        unscorable |= s[i].tally->contrast[CONTRAST_UNSCORABLE] > 0;
    for (int round = 0; round < 2; round++) { /* the second one with names that fit */
        struct table a = {.align = unscorable ? "lrrrrrrrrr" : "lrrrrrrrr"};
        buf_reset(&text);
        table_put_str(&a, str_of(by));
        put_row_heads(&a, s, n, unscorable, o->confidence);
        for (size_t i = 0; i < n; i++) {
            put_name(&a, names[i], most);
            put_row(&a, &s[i], unscorable);
            size_t w = utf8_length(names[i]) < most ? utf8_length(names[i]) : most;
            width = w > width ? w : width;
        }
        table_print(&a, &text);
        table_free(&a);
        size_t excess = longest_line(buf_str(&text));
        excess = excess > ROW_WIDTH ? excess - ROW_WIDTH : 0;
        most = width > excess + NAME_LEAST ? width - excess : NAME_LEAST;
    }
    buf_printf(&text, "mixed, wrong (all of them), right (all)%s: shares of the groups\n",
               unscorable ? ", unscorable" : "");
    buf_putstr(out, buf_str(&text));
    buf_free(&text);
}
