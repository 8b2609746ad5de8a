/* curves.c - see curves.h. */
#include "report/curves.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTITIES_MAX = 5 };

/* A line of a chart: a column of the metrics, divided by another one if `per` is there. */
struct quantity {
    const char *label, *column, *per;
    double sign; /* 0 is +1 */
};

struct family {
    const char *name, *title;
    bool percent, whole, afloat; /* see struct svg_chart */
    bool timing;                 /* of the other file */
    struct quantity q[QUANTITIES_MAX];
};

static const struct family families[] = {
    {"accuracy",
     "Accuracy of the training rollouts",
     true,
     true,
     false,
     false,
     {{"accuracy", "accuracy", NULL, 0}}},
    {"contrast",
     "Groups by contrast",
     true,
     true,
     false,
     false,
     {{"mixed", "groups.mixed", "groups.all", 0},
      {"all wrong", "groups.all_wrong", "groups.all", 0},
      {"all right", "groups.all_right", "groups.all", 0},
      {"unscorable", "groups.unscorable", "groups.all", 0}}},
    {"golds",
     "Groups with an injected gold",
     true,
     true,
     false,
     false,
     {{"injected", "groups.injected", "groups.all", 0}}},
    {"length",
     "Response length, tokens",
     false,
     false,
     true,
     false,
     {{"mean", "tokens.responses", "rows.all", 0}}},
    {"truncated",
     "Responses cut off by the limit",
     true,
     false,
     false,
     false,
     {{"cut off", "rows.truncated", "rows.all", 0}}},
    {"entropy",
     "Entropy, nats per token",
     false,
     false,
     false,
     false,
     {{"policy's responses", "policy.entropy", NULL, 0}, {"golds", "gold.entropy", NULL, 0}}},
    {"ratio",
     "Ratio of the policy's responses",
     false,
     false,
     true,
     false,
     {{"max", "policy.ratio_max", NULL, 0},
      {"mean", "policy.ratio_mean", NULL, 0},
      {"min", "policy.ratio_min", NULL, 0}}},
    {"gold-ratio",
     "Ratio of the golds",
     false,
     false,
     true,
     false,
     {{"max", "gold.ratio_max", NULL, 0},
      {"mean", "gold.ratio_mean", NULL, 0},
      {"min", "gold.ratio_min", NULL, 0}}},
    {"log-prob",
     "Log-prob per token, new minus old",
     false,
     false,
     false,
     false,
     {{"policy's responses", "policy.old_minus_new", NULL, -1},
      {"golds", "gold.old_minus_new", NULL, -1}}},
    {"clipped",
     "Tokens whose gradient was clipped",
     true,
     false,
     false,
     false,
     {{"policy, low", "policy.clipped_low", NULL, 0},
      {"policy, high", "policy.clipped_high", NULL, 0},
      {"gold, low", "gold.clipped_low", NULL, 0},
      {"gold, high", "gold.clipped_high", NULL, 0}}},
    {"advantage",
     "Advantage mass by sign and source",
     false,
     false,
     false,
     false,
     {{"policy, positive", "policy.advantage_plus", NULL, 0},
      {"policy, negative", "policy.advantage_minus", NULL, 0},
      {"golds", "gold.advantage_plus", NULL, 0}}},
    {"gradient",
     "Gradient norm",
     false,
     false,
     false,
     false,
     {{"mean", "grad_norm", NULL, 0}, {"max", "grad_norm_max", NULL, 0}}},
    {"mismatch",
     "Sampler against trainer, nats per token",
     false,
     false,
     false,
     false,
     {{"max", "mismatch.max", NULL, 0}, {"mean", "mismatch.mean", NULL, 0}}},
    {"kl",
     "KL from the reference model, nats per token",
     false,
     false,
     false,
     false,
     {{"policy's responses", "policy.kl", NULL, 0}, {"golds", "gold.kl", NULL, 0}}},
    {"loss", "Loss", false, false, false, false, {{"loss", "loss", NULL, 0}}},
    {"lr", "Learning rate", false, false, false, false, {{"lr", "lr", NULL, 0}}},
    {"speed",
     "Update, tokens per second",
     false,
     false,
     false,
     true,
     {{"tokens/s", "tokens_per_s", NULL, 0}}},
};

/* ---- lines ---- */

static struct curve *add_curve(struct curves *out, const char *name, const char *title,
                               const char *part)
{
    char text[300];
    out->c = xrealloc(out->c, out->n + 1, sizeof *out->c);
    struct curve *c = &out->c[out->n++];
    snprintf(text, sizeof text, "%s%s%s", name, *part ? ":" : "", part);
    *c = (struct curve){.name = xstrdup(text)};
    snprintf(text, sizeof text, "%s%s%s", title, *part ? ": " : "", part);
    c->chart.title = c->title = xstrdup(text);
    c->chart.x_label = "step";
    return c;
}

/* The line's arrays, to be filled up to n points. */
static struct svg_line *add_line(struct curve *c, const char *name, size_t n, bool interval)
{
    c->lines = xrealloc(c->lines, c->chart.n_lines + 1, sizeof *c->lines);
    struct svg_line *l = &c->lines[c->chart.n_lines++];
    *l = (struct svg_line){.name = xstrdup(name),
                           .x = xcalloc(n + 1, sizeof(double)),
                           .y = xcalloc(n + 1, sizeof(double))};
    if (interval) {
        l->low = xcalloc(n + 1, sizeof(double));
        l->high = xcalloc(n + 1, sizeof(double));
    }
    c->chart.lines = c->lines;
    return l;
}

static void add_point(struct svg_line *l, double x, double y, double low, double high)
{
    l->x[l->n] = x;
    l->y[l->n] = y;
    if (l->low) {
        l->low[l->n] = low;
        l->high[l->n] = high;
    }
    l->n++;
}

static void free_line(struct svg_line *l)
{
    free(l->name);
    free(l->x);
    free(l->y);
    free(l->low);
    free(l->high);
}

static void drop_curve(struct curves *out)
{
    struct curve *c = &out->c[--out->n];
    for (size_t k = 0; k < c->chart.n_lines; k++)
        free_line(&c->lines[k]);
    free(c->lines);
    free(c->name);
    free(c->title);
}

/* ---- held-out prompts ---- */

static bool has_part(const struct run *runs, size_t n, const char *part)
{
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < runs[r].n_evals; i++)
            if (strcmp(runs[r].evals[i].part, part) == 0)
                return true;
    return false;
}

static void add_eval_line(struct curve *c, const struct run *r, const char *part, const char *name,
                          bool pass)
{
    struct svg_line *l = add_line(c, name, r->n_evals, !pass);
    for (size_t i = 0; i < r->n_evals; i++) {
        const struct run_eval *v = &r->evals[i];
        if (strcmp(v->part, part) == 0)
            add_point(l, (double)v->step, pass ? v->pass : v->mean, v->low, v->high);
    }
}

static void part_label(char out[200], const char *part)
{
    snprintf(out, 200, "%s", *part ? part : "all");
}

static unsigned largest_k(const struct run *runs, size_t n)
{
    unsigned k = 1;
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < runs[r].n_evals; i++)
            k = runs[r].evals[i].pass_k > k ? runs[r].evals[i].pass_k : k;
    return k;
}

static void make_eval_curves(struct curves *out, const struct run *runs, size_t n, bool pass)
{
    char label[200], title[60];
    struct curve *c = NULL;
    snprintf(title, sizeof title, "Held-out prompts, %s@%u", pass ? "pass" : "mean",
             largest_k(runs, n));
    for (size_t r = 0; r < n; r++) /* the parts in order of first appearance */
        for (size_t i = 0; i < runs[r].n_evals; i++) {
            const char *part = runs[r].evals[i].part;
            bool seen = has_part(runs, r, part);
            for (size_t k = 0; k < i && !seen; k++)
                seen = strcmp(runs[r].evals[k].part, part) == 0;
            if (seen)
                continue;
            if (n > 1 || !c) {
                c = add_curve(out, pass ? "pass" : "mean", title, n > 1 ? part : "");
                c->main = c->chart.percent = c->chart.whole = true;
            }
            part_label(label, part);
            for (size_t k = 0; k < n; k++)
                add_eval_line(c, &runs[k], part, n > 1 ? runs[k].name : label, pass);
        }
}

/* ---- metrics ---- */

static double quantity_at(const struct series *s, size_t row, const struct quantity *q)
{
    double v = series_at(s, row, series_column(s, q->column));
    if (q->per)
        v /= series_at(s, row, series_column(s, q->per));
    return (q->sign < 0 ? -v : v) + 0.0; /* + 0.0: no negative zero */
}

static void add_metric_line(struct curve *c, const struct series *s, const struct quantity *q,
                            const char *name)
{
    size_t step = series_column(s, "step");
    struct svg_line *l = add_line(c, name, s->n_rows, false);
    for (size_t row = 0; row < s->n_rows; row++) {
        double y = quantity_at(s, row, q);
        double x = step == SERIES_NONE ? (double)(row + 1) : series_at(s, row, step);
        if (!isnan(x))
            add_point(l, x, isfinite(y) ? y : (double)NAN, 0, 0);
    }
}

static bool has_quantity(const struct run *runs, size_t n, const struct family *f,
                         const struct quantity *q)
{
    for (size_t r = 0; r < n; r++) {
        const struct series *s = f->timing ? &runs[r].timing : &runs[r].metrics;
        for (size_t row = 0; row < s->n_rows; row++) {
            double y = quantity_at(s, row, q);
            if (isfinite(y) && y != 0)
                return true;
        }
    }
    return false;
}

static void make_family(struct curves *out, const struct run *runs, size_t n,
                        const struct family *f, bool main)
{
    struct curve *c = NULL;
    size_t n_shown = 0;
    for (size_t k = 0; k < QUANTITIES_MAX && f->q[k].column; k++)
        n_shown += has_quantity(runs, n, f, &f->q[k]);
    for (size_t k = 0; k < QUANTITIES_MAX && f->q[k].column; k++) {
        const struct quantity *q = &f->q[k];
        if (!has_quantity(runs, n, f, q))
            continue;
        if (n > 1 || !c) {
            c = add_curve(out, f->name, f->title, n > 1 && n_shown > 1 ? q->label : "");
            c->main = main;
            c->chart.percent = f->percent;
            c->chart.whole = f->whole;
            c->chart.afloat = f->afloat;
        }
        for (size_t r = 0; r < n; r++)
            add_metric_line(c, f->timing ? &runs[r].timing : &runs[r].metrics, q,
                            n > 1 ? runs[r].name : q->label);
    }
}

static bool in_a_family(const char *name)
{
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (size_t k = 0; k < QUANTITIES_MAX && families[f].q[k].column; k++)
            if (strcmp(families[f].q[k].column, name) == 0)
                return true;
    return false;
}

/* Columns that no family shows have a chart each; those that are 0 everywhere, in a
 * family or not, are named. */
static void make_rest(struct curves *out, const struct run *runs, size_t n)
{
    for (size_t r = 0; r < n; r++)
        for (size_t c = 0; c < runs[r].metrics.n_columns; c++) {
            const char *name = runs[r].metrics.name[c];
            struct family f = {.name = name, .title = name, .q = {{name, name, NULL, 0}}};
            bool seen = strcmp(name, "step") == 0;
            for (size_t p = 0; p < r; p++)
                seen |= series_column(&runs[p].metrics, name) != SERIES_NONE;
            if (seen)
                continue;
            if (!has_quantity(runs, n, &f, &f.q[0]))
                buf_printf(&out->zero, "%s%s", out->zero.n ? ", " : "", name);
            else if (!in_a_family(name))
                make_family(out, runs, n, &f, false);
        }
}

void curves_make(struct curves *out, const struct run *runs, size_t n_runs)
{
    *out = (struct curves){0};
    make_eval_curves(out, runs, n_runs, false);
    make_eval_curves(out, runs, n_runs, true);
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        make_family(out, runs, n_runs, &families[f], true);
    make_rest(out, runs, n_runs);
    for (size_t i = 0; i < out->n; i++)
        out->c[i].chart.bare = n_runs > CURVES_LEGENDS_MAX;
}

void curves_free(struct curves *c)
{
    while (c->n)
        drop_curve(c);
    free(c->c);
    buf_free(&c->zero);
    *c = (struct curves){0};
}

const struct curve *curves_find(const struct curves *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->c[i].name, name) == 0)
            return &c->c[i];
    return NULL;
}
