/* goldsums.c - see goldsums.h. */
#include "task/goldsums.h"
#include "report/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { THOUSAND = 1000, FIRST_COLUMN = 34 };

static uint64_t thousandths(double v)
{
    return (uint64_t)llround(v * THOUSAND);
}

void goldsums_add(struct goldsums *s, const struct goldcheck *c)
{
    s->records++;
    for (int k = 0; k < N_SETTINGS; k++)
        s->fates[k][c->fate[k]]++;
    if (!c->has_gold)
        return;
    s->golds++;
    s->appended += c->appended;
    s->verdicts[c->verdict]++;
    s->boxed += c->boxed;
    s->bare += c->bare;
    s->cut += c->cut;
    s->spells_end += c->spells_end;
    s->goes_on += c->trailing > GOLD_GOES_ON;
    if (c->ends == 1)
        s->one_thought++;
    else if (c->opens + c->ends == 0)
        s->no_tags++;
    else
        s->other_tags++;
    s->in_tokens += c->in_tokens;
    lengths_add(&s->gold, c->length);
    if (c->policy_length > 0) {
        lengths_add(&s->policy, (uint64_t)llround(c->policy_length));
        lengths_add(&s->ratio, thousandths((double)c->length / c->policy_length));
    }
    if (c->has_surprise)
        lengths_add(&s->surprise, thousandths(c->surprise));
    if (c->has_policy_surprise)
        lengths_add(&s->policy_surprise, thousandths(c->policy_surprise));
}

void goldsums_free(struct goldsums *s)
{
    lengths_free(&s->gold);
    lengths_free(&s->policy);
    lengths_free(&s->ratio);
    lengths_free(&s->surprise);
    lengths_free(&s->policy_surprise);
}

static double quantile(const struct lengths *l, double q)
{
    return (double)lengths_quantile(l, q) / THOUSAND;
}

static const char *unit_of(const struct goldsums *s)
{
    return s->in_tokens == s->golds ? "tokens" : s->in_tokens ? "mixed units" : "characters";
}

/* ---- what deserves a warning ---- */

static void warn(struct buf *out, bool json, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void warn(struct buf *out, bool json, const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (json) {
        buf_puts(out, out->n && out->p[out->n - 1] == '[' ? "" : ",");
        json_put_string(out, str_of(text));
    } else {
        buf_printf(out, "warning: %s\n", text);
    }
}

static void put_warnings(const struct goldsums *s, bool json, struct buf *out)
{
    char a[32], b[32];
    const char *golds = table_count(b, s->golds);
    double ratio = quantile(&s->ratio, 0.5);
    uint64_t correct = s->verdicts[VERDICT_CORRECT];
    uint64_t as_is = s->fates[SETTING_REQUIRE][FATE_INJECTED];
    if (s->ratio.count && ratio < 1.0 / 3)
        warn(out, json,
             "the median gold is %.2f of the length of the policy's responses (below 1/3): golds "
             "this short teach short answers",
             ratio);
    if (s->ratio.count && ratio > 3)
        warn(out, json, "the median gold is %.2f times as long as the policy's responses (above 3)",
             ratio);
    if (correct < s->golds)
        warn(out, json, "%s of %s golds are not correct and will be refused",
             table_count(a, s->golds - correct), golds);
    if (s->boxed < s->golds)
        warn(out, json, "%s of %s golds have no box%s", table_count(a, s->golds - s->boxed), golds,
             s->appended ? "" : " (--append-box adds it)");
    if (s->bare)
        warn(out, json, "%s of %s golds are nothing but the answer", table_count(a, s->bare),
             golds);
    if (s->cut)
        warn(out, json, "%s of %s golds are cut off: a box or an environment is not closed",
             table_count(a, s->cut), golds);
    if (s->goes_on)
        warn(out, json, "%s of %s golds go on behind the answer (more than %d characters)",
             table_count(a, s->goes_on), golds, GOLD_GOES_ON);
    if (s->spells_end)
        warn(out, json, "%s of %s golds spell a control token, which would be learned as text",
             table_count(a, s->spells_end), golds);
    uint64_t wrapped = s->fates[SETTING_WRAP][FATE_INJECTED]; /* 0: no such vocabulary */
    if (s->golds && as_is < wrapped)
        warn(out, json,
             "where the prompt opens a thought (R1-style), %s of %s golds can be used as they are, "
             "%.0f with gcpo-inject-gold --gold-think wrap",
             table_count(a, as_is), golds, (double)wrapped);
}

/* ---- for people ---- */

static void put_share(struct table *t, const char *name, uint64_t part, uint64_t whole)
{
    char text[32];
    table_put(t, "%s", name);
    table_put(t, "%s", table_count(text, part));
    if (whole)
        table_put(t, "%.1f%%", 100 * (double)part / (double)whole);
    else
        table_put(t, "-");
}

static void print_shares(const struct goldsums *s, struct buf *out)
{
    struct table t = {.align = "lrr", .first = FIRST_COLUMN};
    put_share(&t, "golds of records", s->golds, s->records);
    for (int v = VERDICT_CORRECT; v < N_VERDICTS; v++)
        if (s->verdicts[v] || v == VERDICT_CORRECT) {
            char name[64];
            snprintf(name, sizeof name, "  verdict %s", verdict_name((enum verdict)v));
            put_share(&t, name, s->verdicts[v], s->golds);
        }
    put_share(&t, "  with a box", s->boxed, s->golds);
    if (s->appended)
        put_share(&t, "    appended", s->appended, s->golds);
    put_share(&t, "  nothing but the answer", s->bare, s->golds);
    put_share(&t, "  cut off", s->cut, s->golds);
    put_share(&t, "  going on behind the answer", s->goes_on, s->golds);
    put_share(&t, "  spelling a control token", s->spells_end, s->golds);
    put_share(&t, "  no think tags", s->no_tags, s->golds);
    put_share(&t, "  one </think>", s->one_thought, s->golds);
    put_share(&t, "  other think tags", s->other_tags, s->golds);
    table_print(&t, out);
    table_free(&t);
}

static void put_quantiles(struct table *t, const char *name, const struct lengths *l, bool scaled)
{
    static const double q[] = {0.1, 0.5, 0.9};
    if (!l->count)
        return;
    table_put(t, "%s", name);
    for (size_t i = 0; i < sizeof q / sizeof *q; i++) {
        char text[32];
        if (scaled)
            table_put(t, "%.2f", quantile(l, q[i]));
        else
            table_put(t, "%s", table_count(text, lengths_quantile(l, q[i])));
    }
    char text[32];
    table_put(t, "%s", table_count(text, l->count));
}

static void print_lengths(const struct goldsums *s, struct buf *out)
{
    struct table t = {.align = "lrrrr", .first = FIRST_COLUMN};
    char name[64];
    table_put(&t, "%s", "");
    table_put(&t, "10%%");
    table_put(&t, "median");
    table_put(&t, "90%%");
    table_put(&t, "of");
    snprintf(name, sizeof name, "length of golds, %s", unit_of(s));
    put_quantiles(&t, name, &s->gold, false);
    snprintf(name, sizeof name, "length of responses, %s", unit_of(s));
    put_quantiles(&t, name, &s->policy, false);
    put_quantiles(&t, "gold / median response", &s->ratio, true);
    put_quantiles(&t, "surprise of golds, nats/token", &s->surprise, true);
    put_quantiles(&t, "surprise of responses, nats/token", &s->policy_surprise, true);
    buf_putc(out, '\n');
    table_print(&t, out);
    table_free(&t);
}

static void print_fates(const struct goldsums *s, bool limits_checked, struct buf *out)
{
    struct table t = {.align = "lrrrr", .first = FIRST_COLUMN};
    char text[32];
    table_put(&t, "%s", "");
    table_put(&t, "no thought");
    table_put(&t, "require");
    table_put(&t, "wrap");
    table_put(&t, "empty");
    for (int f = 0; f < N_FATES; f++) {
        uint64_t any = 0;
        for (int k = 0; k < N_SETTINGS; k++)
            any += s->fates[k][f];
        if (!any && f != FATE_INJECTED)
            continue;
        table_put(&t, "  %s", f == FATE_INJECTED ? "usable" : gold_fate_name((enum gold_fate)f));
        for (int k = 0; k < N_SETTINGS; k++)
            table_put(&t, "%s", table_count(text, s->fates[k][f]));
    }
    buf_puts(out, "\nwhat gcpo-inject-gold would do, by the prompt's format: without a thought, "
                  "and\nwhere it opens one (R1-style), by --gold-think");
    buf_puts(out, limits_checked ? "\n" : "; lengths are not checked (-m)\n");
    table_print(&t, out);
    table_free(&t);
}

void goldsums_print(const struct goldsums *s, bool limits_checked, struct buf *out)
{
    print_shares(s, out);
    if (s->golds)
        print_lengths(s, out);
    print_fates(s, limits_checked, out);
    struct buf warnings = {0};
    put_warnings(s, false, &warnings);
    if (warnings.n)
        buf_putc(out, '\n');
    buf_putstr(out, buf_str(&warnings));
    buf_free(&warnings);
}

/* ---- for machines ---- */

static void json_count_of(struct buf *out, const char *name, uint64_t v)
{
    buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)v);
}

static void json_quantiles(struct buf *out, const char *name, const struct lengths *l, double scale)
{
    if (!l->count)
        return;
    buf_printf(out, ",\"%s\":{\"n\":%llu,\"p10\":", name, (unsigned long long)l->count);
    json_put_double(out, (double)lengths_quantile(l, 0.1) / scale);
    buf_puts(out, ",\"median\":");
    json_put_double(out, (double)lengths_quantile(l, 0.5) / scale);
    buf_puts(out, ",\"p90\":");
    json_put_double(out, (double)lengths_quantile(l, 0.9) / scale);
    buf_putc(out, '}');
}

static const char *fate_word(int f)
{
    return f == FATE_INJECTED ? "usable" : gold_fate_name((enum gold_fate)f);
}

void goldsums_print_json(const struct goldsums *s, struct buf *out)
{
    buf_printf(out, "{\"records\":%llu,\"golds\":%llu", (unsigned long long)s->records,
               (unsigned long long)s->golds);
    buf_puts(out, ",\"verdicts\":{");
    for (int v = VERDICT_CORRECT; v < N_VERDICTS; v++)
        buf_printf(out, "%s\"%s\":%llu", v == VERDICT_CORRECT ? "" : ",",
                   verdict_name((enum verdict)v), (unsigned long long)s->verdicts[v]);
    buf_putc(out, '}');
    json_count_of(out, "boxed", s->boxed);
    json_count_of(out, "appended", s->appended);
    json_count_of(out, "bare", s->bare);
    json_count_of(out, "cut", s->cut);
    json_count_of(out, "goes_on", s->goes_on);
    json_count_of(out, "spells_control", s->spells_end);
    json_count_of(out, "no_think_tags", s->no_tags);
    json_count_of(out, "one_thought", s->one_thought);
    json_count_of(out, "other_think_tags", s->other_tags);
    buf_printf(out, ",\"unit\":\"%s\"", unit_of(s));
    json_quantiles(out, "length", &s->gold, 1);
    json_quantiles(out, "policy_length", &s->policy, 1);
    json_quantiles(out, "ratio", &s->ratio, THOUSAND);
    json_quantiles(out, "surprise", &s->surprise, THOUSAND);
    json_quantiles(out, "policy_surprise", &s->policy_surprise, THOUSAND);
    buf_puts(out, ",\"fates\":{");
    for (int k = 0; k < N_SETTINGS; k++) {
        buf_printf(out, "%s\"%s\":{", k ? "," : "", gold_setting_names[k]);
        const char *comma = "";
        for (int f = 0; f < N_FATES; f++)
            if (s->fates[k][f] || f == FATE_INJECTED) {
                buf_printf(out, "%s\"%s\":%llu", comma, fate_word(f),
                           (unsigned long long)s->fates[k][f]);
                comma = ",";
            }
        buf_putc(out, '}');
    }
    buf_puts(out, "},\"warnings\":[");
    put_warnings(s, true, out);
    buf_puts(out, "]}\n");
}

static void json_flag(struct buf *out, const char *name, bool v)
{
    buf_printf(out, ",\"%s\":%s", name, v ? "true" : "false");
}

void goldcheck_print_json(const struct goldcheck *c, struct str id, struct buf *out)
{
    buf_puts(out, "{\"id\":");
    json_put_string(out, id);
    json_flag(out, "gold", c->has_gold);
    if (c->has_gold) {
        buf_printf(out, ",\"verdict\":\"%s\"", verdict_name(c->verdict));
        json_flag(out, "boxed", c->boxed);
        json_flag(out, "appended", c->appended);
        json_flag(out, "bare", c->bare);
        json_flag(out, "cut", c->cut);
        json_flag(out, "spells_control", c->spells_end);
        json_count_of(out, "trailing", c->trailing);
        json_count_of(out, "think_opens", c->opens);
        json_count_of(out, "think_ends", c->ends);
        buf_printf(out, ",\"unit\":\"%s\"", c->in_tokens ? "tokens" : "characters");
        json_count_of(out, "length", c->length);
        if (c->policy_length > 0) {
            buf_puts(out, ",\"policy_length\":");
            json_put_double(out, c->policy_length);
            buf_puts(out, ",\"ratio\":");
            json_put_double(out, (double)c->length / c->policy_length);
        }
        if (c->has_surprise) {
            buf_puts(out, ",\"surprise\":");
            json_put_double(out, c->surprise);
        }
        if (c->has_policy_surprise) {
            buf_puts(out, ",\"policy_surprise\":");
            json_put_double(out, c->policy_surprise);
        }
    }
    for (int k = 0; k < N_SETTINGS; k++)
        buf_printf(out, ",\"%s\":\"%s\"", gold_setting_names[k], fate_word((int)c->fate[k]));
    buf_puts(out, "}\n");
}
