/* explain_print.c - an explained group for people and as JSON; see explain.h. */
#include "base/json.h"
#include "report/explain.h"
#include "report/table.h"
#include "rl/surrogate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NONE ((double)NAN)

enum {
    EXTRACTED_WIDTH = 20, /* code points of an extracted answer in the table */
    LABEL_WIDTH = 10,
    CELL_MAX = 64,
};

static const char *verdict_text(enum verdict v)
{
    return v == VERDICT_ABSENT ? "-" : verdict_name(v);
}

/* ---- for people: cells ---- */

static void put_number(struct table *t, const char *fmt, double x)
{
    char cell[CELL_MAX] = "-";
    if (x == 0)
        fmt = "%.0f", x = 0; /* not "-0.000e+00" */
    if (!isnan(x))
        snprintf(cell, sizeof cell, fmt, x); /* fmt is one of ours, for one double */
    table_put(t, "%s", cell);
}

/* At most `width` code points, the last three of them dots where it was cut. */
static struct str shorten(struct str s, size_t width, const char **dots)
{
    size_t i = 0;
    *dots = "";
    if (utf8_length(s) <= width)
        return s;
    for (size_t n = 0; n + 3 < width; n++)
        utf8_next(s, &i);
    *dots = "...";
    return str_slice(s, 0, i);
}

static void put_text(struct table *t, struct str s, size_t width)
{
    const char *dots;
    struct str cut = shorten(s.p ? s : STR("-"), width, &dots);
    char cell[8 * EXPLAIN_WIDTH];
    size_t n = cut.n < sizeof cell - 4 ? cut.n : sizeof cell - 4;
    memcpy(cell, cut.p, n);
    memcpy(cell + n, dots, strlen(dots));
    table_put_str(t, (struct str){cell, n + strlen(dots)});
}

/* "no", "low", "high 12%": which bound cuts how much of the row's gradient. */
static void put_clipped(struct table *t, const struct explained_row *r)
{
    double n[] = {r->clipped_low, r->clipped_high, r->clipped_dual};
    static const char *const names[] = {"low", "high", "dual"};
    int most = 0;
    for (int i = 1; i < 3; i++)
        most = n[i] > n[most] ? i : most;
    double sum = n[0] + n[1] + n[2];
    if (isnan(sum) || sum == 0)
        table_put(t, "%s", isnan(sum) ? "-" : "no");
    else if (sum == r->is.tokens)
        table_put(t, "%s", sum == n[most] ? names[most] : "all");
    else
        table_put(t, "%s %.2g%%", sum == n[most] ? names[most] : "some", 100 * sum / r->is.tokens);
}

/* ---- for people: the head ---- */

static void put_label(struct buf *out, const char *label)
{
    buf_printf(out, "%-*s", LABEL_WIDTH, label);
}

static void put_range(struct buf *out, const char *source, const struct clip_range *c)
{
    if (c->on)
        buf_printf(out, ", clip %s to %.4g-%.4g", source, 1 - c->low, 1 + c->high);
    else
        buf_printf(out, ", %s not clipped", source);
}

static void print_rewards(const struct explained *x, struct buf *out)
{
    put_label(out, "rewards");
    if (x->n_scorable == 0)
        buf_puts(out, "none\n");
    else
        buf_printf(out, "mean %.4g, std %.4g (n - 1) over %zu scorable rows\n", x->reward_mean,
                   x->reward_std, x->n_scorable);
}

static void print_algo(const struct explained *x, struct buf *out)
{
    const struct loss_options *o = &x->objective.loss;
    put_label(out, "algo");
    buf_puts(out, x->preset->name);
    if (o->surrogate->uses_clip) {
        put_range(out, "policy", &o->clip_policy);
        if (!o->surrogate->uses_gold_shape)
            put_range(out, "gold", &o->clip_gold);
    }
    if (x->left_out.n)
        buf_printf(out, "; left out: %.*s", STR_ARG(x->left_out));
    buf_putc(out, '\n');
}

static void print_head(const struct explained *x, const char *file, size_t line, struct buf *out)
{
    const struct digest *d = &x->digest;
    struct table id = {.align = "l"};
    table_put_str(&id, x->id); /* for its cleaning of control characters */
    put_label(out, "group");
    buf_putstr(out, buf_str(&id.text));
    table_free(&id);
    buf_printf(out, ", round %llu (%s:%zu)\n", (unsigned long long)x->round, file, line);
    put_label(out, "contrast");
    if (d->judged)
        buf_printf(out, "%s: of the policy's %zu responses %u are scorable, %u correct\n",
                   contrast_name(d->contrast), d->n, d->rate.n, d->rate.c);
    else
        buf_puts(out, "unknown (no verdicts)\n");
    put_label(out, "gold");
    buf_printf(out, "%.*s", STR_ARG(d->has_fate ? d->fate : STR("no fate")));
    if (d->gold_verdict != VERDICT_ABSENT)
        buf_printf(out, ", verdict %s", verdict_name(d->gold_verdict));
    if (x->gold_why.p)
        buf_printf(out, " (%.*s)", STR_ARG(x->gold_why));
    buf_putc(out, '\n');
    print_rewards(x, out);
    print_algo(x, out);
}

/* ---- for people: the rows ---- */

static void print_verdicts(const struct explained *x, struct buf *out)
{
    static const char *const heading[] = {"slot",  "source",  "verdict",   "extracted", "reward",
                                          "bonus", "penalty", "advantage", "tokens"};
    struct table t = {.align = "rlllrrrrr"};
    for (size_t i = 0; i < sizeof heading / sizeof *heading; i++)
        table_put(&t, "%s", heading[i]);
    for (size_t i = 0; i < x->n_rows; i++) {
        const struct explained_row *r = &x->rows[i];
        table_put(&t, "%zu", i);
        table_put(&t, "%s", r->gold ? "gold" : "policy");
        table_put(&t, "%s", verdict_text(r->is.verdict));
        put_text(&t, r->is.extracted, EXTRACTED_WIDTH);
        put_number(&t, "%.4g", r->is.reward);
        put_number(&t, "%.4g", r->is.format_bonus);
        put_number(&t, "%.4g", r->is.length_penalty);
        put_number(&t, "%.4f", r->advantage);
        put_number(&t, "%.0f", r->is.tokens);
    }
    table_print(&t, out);
    table_free(&t);
}

static void print_numbers(const struct explained *x, struct buf *out)
{
    static const char *const heading[] = {"slot",  "old/tok", "old sum", "new/tok", "new sum",
                                          "ratio", "tok min", "tok max", "clipped", "dloss/dlogp"};
    struct table t = {.align = "rrrrrrrrrr"};
    for (size_t i = 0; i < sizeof heading / sizeof *heading; i++)
        table_put(&t, "%s", heading[i]);
    for (size_t i = 0; i < x->n_rows; i++) {
        const struct explained_row *r = &x->rows[i];
        table_put(&t, "%zu", i);
        put_number(&t, "%.4f", r->old_sum / r->is.tokens);
        put_number(&t, "%.2f", r->old_sum);
        put_number(&t, "%.4f", r->new_sum / r->is.tokens);
        put_number(&t, "%.2f", r->new_sum);
        put_number(&t, "%.4g", r->ratio);
        put_number(&t, "%.3g", r->ratio_min);
        put_number(&t, "%.3g", r->ratio_max);
        put_clipped(&t, r);
        put_number(&t, "%.3e", r->weight);
    }
    table_print(&t, out);
    table_free(&t);
}

static void print_why(size_t slot, const char *what, struct str why, struct buf *out)
{
    char label[CELL_MAX];
    struct table t = {.align = "l"};
    int n = snprintf(label, sizeof label, "slot %zu %s: ", slot, what);
    put_text(&t, why, (size_t)(EXPLAIN_WIDTH - n));
    buf_printf(out, "%s%.*s\n", label, (int)t.text.n, t.text.p);
    table_free(&t);
}

static void print_displaced(size_t slot, const struct explained_response *d, struct buf *out)
{
    struct table t = {.align = "l"};
    put_text(&t, d->extracted, EXTRACTED_WIDTH);
    buf_printf(out, "slot %zu displaced: %s, extracted %.*s", slot, verdict_text(d->verdict),
               (int)t.text.n, t.text.p);
    if (!isnan(d->reward))
        buf_printf(out, ", reward %.4g", d->reward);
    if (!isnan(d->tokens))
        buf_printf(out, ", %.0f tokens", d->tokens);
    buf_putc(out, '\n');
    table_free(&t);
}

static void print_reasons(const struct explained *x, struct buf *out)
{
    size_t before = out->n;
    for (size_t i = 0; i < x->n_rows; i++) {
        const struct explained_row *r = &x->rows[i];
        if (out->n == before && (r->has_displaced || r->is.why.p))
            buf_putc(out, '\n');
        if (r->is.why.p)
            print_why(i, "why", r->is.why, out);
        if (r->has_displaced)
            print_displaced(i, &r->displaced, out);
        if (r->has_displaced && r->displaced.why.p)
            print_why(i, "displaced, why", r->displaced.why, out);
    }
}

static void print_units(const struct explained *x, struct buf *out)
{
    const struct loss_denominator *d = &x->denominator;
    buf_puts(out, "Log-probabilities are natural; old: logprobs, new: ref_logprobs "
                  "(gcpo-score --as ref_logprobs).\n");
    buf_printf(out,
               "dloss/dlogp: of a token, on average, were this group the whole step "
               "(%.0f rows, %.0f tokens);\nbelow 0 the row is made likelier.\n",
               d->rows, d->tokens);
    if (!x->has_new)
        buf_puts(out, "Without new log-probabilities it is that of the first optimizer step, at "
                      "ratio 1.\n");
    if (x->objective.loss.aggregate == AGGREGATE_CONSTANT && d->length == 0)
        buf_printf(out, "%s divides by max_tokens, which the record does not say.\n",
                   x->preset->name);
}

static bool has_tokens(const struct explained *x)
{
    for (size_t i = 0; i < x->n_rows; i++)
        if (x->rows[i].is.tokens > 0)
            return true;
    return false;
}

void explain_print(const struct explained *x, const char *file, size_t line, struct buf *out)
{
    print_head(x, file, line, out);
    buf_putc(out, '\n');
    if (x->n_rows == 0) {
        buf_puts(out, "no responses\n");
        return;
    }
    print_verdicts(x, out);
    print_reasons(x, out);
    buf_putc(out, '\n');
    if (!has_tokens(x)) {
        buf_puts(out, "no tokens: no log-probabilities, ratios and weights\n");
        return;
    }
    print_numbers(x, out);
    buf_putc(out, '\n');
    print_units(x, out);
}

/* ---- JSON ---- */

/* Each of these writes a member with the comma in front of it. */
static void json_number(struct buf *out, const char *name, double x)
{
    buf_printf(out, ",\"%s\":", name);
    if (isnan(x))
        buf_puts(out, "null");
    else
        json_put_double(out, x);
}

static void json_string(struct buf *out, const char *name, struct str s)
{
    buf_printf(out, ",\"%s\":", name);
    if (s.p)
        json_put_string(out, s);
    else
        buf_puts(out, "null");
}

static struct str verdict_str(enum verdict v)
{
    return v == VERDICT_ABSENT ? (struct str){0} : str_of(verdict_name(v));
}

static void put_response(struct buf *out, const struct explained_response *r)
{
    static const char *const finishes[] = {NULL, "stop", "length"};
    json_string(out, "verdict", verdict_str(r->verdict));
    json_string(out, "why", r->why);
    json_string(out, "extracted", r->extracted);
    json_number(out, "reward", r->reward);
    json_number(out, "format_bonus", r->format_bonus);
    json_number(out, "length_penalty", r->length_penalty);
    json_number(out, "tokens", r->tokens);
    json_string(out, "finish",
                r->finish == FINISH_ABSENT ? (struct str){0} : str_of(finishes[r->finish]));
}

static void put_logprobs(struct buf *out, const char *name, double sum, double n)
{
    if (isnan(sum)) {
        json_string(out, name, (struct str){0});
        return;
    }
    buf_printf(out, ",\"%s\":{\"tokens\":%.0f", name, n);
    json_number(out, "mean", n > 0 ? sum / n : NONE);
    json_number(out, "sum", sum);
    buf_putc(out, '}');
}

static void put_row(struct buf *out, size_t slot, const struct explained_row *r)
{
    buf_printf(out, "{\"slot\":%zu,\"source\":\"%s\"", slot, r->gold ? "gold" : "policy");
    put_response(out, &r->is);
    if (r->has_displaced) {
        buf_printf(out, ",\"displaced\":{\"slot\":%zu", slot);
        put_response(out, &r->displaced);
        buf_putc(out, '}');
    }
    json_number(out, "advantage", r->advantage);
    put_logprobs(out, "old", r->old_sum, r->is.tokens);
    put_logprobs(out, "new", r->new_sum, r->is.tokens);
    json_number(out, "ratio", r->ratio);
    json_number(out, "ratio_token_min", r->ratio_min);
    json_number(out, "ratio_token_max", r->ratio_max);
    json_number(out, "clipped_low", r->clipped_low);
    json_number(out, "clipped_high", r->clipped_high);
    json_number(out, "clipped_dual", r->clipped_dual);
    json_number(out, "weight", r->weight);
    json_number(out, "weight_min", r->weight_min);
    json_number(out, "weight_max", r->weight_max);
    json_number(out, "weight_sum", r->weight_sum);
    buf_putc(out, '}');
}

static void put_clip(struct buf *out, const char *name, const struct clip_range *c)
{
    buf_printf(out, ",\"%s\":", name);
    if (!c->on) {
        buf_puts(out, "null");
        return;
    }
    buf_putc(out, '[');
    json_put_double(out, 1 - c->low);
    buf_putc(out, ',');
    json_put_double(out, 1 + c->high);
    buf_putc(out, ']');
}

void explain_put_json(const struct explained *x, struct buf *out)
{
    const struct digest *d = &x->digest;
    struct str none = {0};
    buf_puts(out, "{\"id\":");
    json_put_string(out, x->id);
    buf_printf(out, ",\"round\":%llu,\"first_sample\":%llu", (unsigned long long)x->round,
               (unsigned long long)x->first_sample);
    json_string(out, "contrast", d->judged ? str_of(contrast_name(d->contrast)) : none);
    json_string(out, "gold_fate", d->has_fate ? d->fate : none);
    json_string(out, "gold_verdict", verdict_str(d->gold_verdict));
    json_string(out, "gold_why", x->gold_why);
    buf_printf(out, ",\"scorable\":%zu", x->n_scorable);
    json_number(out, "reward_mean", x->reward_mean);
    json_number(out, "reward_std", x->reward_std);
    json_string(out, "algo", str_of(x->preset->name));
    json_string(out, "left_out", x->left_out.n ? x->left_out : none);
    put_clip(out, "clip_policy", &x->objective.loss.clip_policy);
    put_clip(out, "clip_gold", &x->objective.loss.clip_gold);
    buf_printf(out, ",\"denominator\":{\"rows\":%.0f,\"tokens\":%.0f}", x->denominator.rows,
               x->denominator.tokens);
    buf_puts(out, ",\"responses\":[");
    for (size_t i = 0; i < x->n_rows; i++) {
        if (i)
            buf_putc(out, ',');
        put_row(out, i, &x->rows[i]);
    }
    buf_puts(out, "]}\n");
}
