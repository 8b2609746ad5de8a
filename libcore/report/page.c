/* page.c - see page.h. */
#include "report/page.h"
#include "report/html.h"
#include "report/table.h"
#include "version.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHART_WIDTH = 460, CHART_HEIGHT = 230, CHARTS_MAX = 100, TITLE_RUNS = 6 };

static const char css[] = {
#include "report/page.css.inc"
};
static const char script[] = {
#include "report/page.js.inc"
};
static const char uplot_css[] = {
#include "report/uplot/uPlot.min.css.inc"
};
static const char uplot[] = {
#include "report/uplot/uPlot.iife.min.js.inc"
};

static void cell(struct buf *out, const char *tag, const char *text)
{
    buf_printf(out, "<%s>", tag);
    html_puts(out, text);
    buf_printf(out, "</%.2s>", tag);
}

static void count_cell(struct buf *out, double v)
{
    char text[32] = "";
    if (v >= 0 && v < 1e18)
        table_count(text, (uint64_t)v);
    cell(out, "td", text);
}

static void percent_cell(struct buf *out, double v)
{
    char text[32] = "";
    if (isfinite(v))
        snprintf(text, sizeof text, "%.1f%%", 100 * v);
    cell(out, "td", text);
}

static void heads(struct buf *out, const char *const *names)
{
    buf_puts(out, "<tr>");
    for (; *names; names++)
        cell(out, "th", *names);
    buf_puts(out, "</tr>\n");
}

/* ---- overview ---- */

static double sum_of(const struct series *s, const char *name)
{
    size_t column = series_column(s, name);
    double sum = 0;
    for (size_t row = 0; row < s->n_rows; row++) {
        double v = series_at(s, row, column);
        sum += isnan(v) ? 0 : v;
    }
    return sum;
}

static double end_of(const struct series *s, const char *name, bool last)
{
    size_t column = series_column(s, name);
    return s->n_rows ? series_at(s, last ? s->n_rows - 1 : 0, column) : (double)NAN;
}

static void put_overview(const struct page *p, struct buf *out)
{
    buf_puts(out, "<h2 id=\"overview\">Overview</h2>\n<div class=\"scroll\"><table>\n");
    heads(out, (const char *const[]){"run", "method", "steps", "groups", "responses", "golds used",
                                     "optimizer steps", "training accuracy, first", "last", NULL});
    for (size_t i = 0; i < p->n_runs; i++) {
        const struct run *r = &p->runs[i];
        const struct series *m = &r->metrics;
        const char *algo = run_param(r, "ALGO");
        buf_puts(out, "<tr>");
        cell(out, "td", r->name);
        cell(out, "td", algo ? algo : r->algo ? r->algo : "");
        count_cell(out, (double)m->n_rows);
        count_cell(out, sum_of(m, "groups.all"));
        count_cell(out, sum_of(m, "rows.all"));
        count_cell(out, sum_of(m, "rows.gold"));
        count_cell(out, end_of(m, "optimizer_steps", true));
        percent_cell(out, end_of(m, "accuracy", false));
        percent_cell(out, end_of(m, "accuracy", true));
        buf_puts(out, "</tr>\n");
    }
    buf_puts(out, "</table></div>\n");
}

/* ---- held-out prompts ---- */

/* The first or last evaluation of a part; NULL if there is none. */
static const struct run_eval *find_eval(const struct run *r, const char *part, bool last)
{
    const struct run_eval *found = NULL;
    for (size_t i = 0; i < r->n_evals; i++)
        if (strcmp(r->evals[i].part, part) == 0 && (!found || last))
            found = &r->evals[i];
    return found;
}

static void mean_cell(struct buf *out, const struct run_eval *v)
{
    char text[80] = "";
    if (isfinite(v->low) && isfinite(v->mean))
        snprintf(text, sizeof text, "%.1f%% (%.1f\xE2\x80\x93%.1f)", 100 * v->mean, 100 * v->low,
                 100 * v->high);
    else if (isfinite(v->mean))
        snprintf(text, sizeof text, "%.1f%%", 100 * v->mean);
    cell(out, "td", text);
}

static void put_eval_row(const struct run *r, const char *part, struct buf *out)
{
    const struct run_eval *a = find_eval(r, part, false), *b = find_eval(r, part, true);
    buf_puts(out, "<tr>");
    cell(out, "td", *part ? part : "all");
    cell(out, "td", r->name);
    count_cell(out, b->groups);
    mean_cell(out, a);
    mean_cell(out, b);
    percent_cell(out, a->pass);
    percent_cell(out, b->pass);
    buf_printf(out, "<td>%zu\xE2\x80\x93%zu</td></tr>\n", a->step, b->step);
}

static bool is_first(const struct page *p, size_t run, size_t eval)
{
    const char *part = p->runs[run].evals[eval].part;
    for (size_t r = 0; r < run; r++)
        if (find_eval(&p->runs[r], part, false))
            return false;
    return find_eval(&p->runs[run], part, false) == &p->runs[run].evals[eval];
}

static void put_evals(const struct page *p, struct buf *out)
{
    unsigned k = 0;
    char first[40], last[40], mean_first[40], mean_last[40];
    for (size_t r = 0; r < p->n_runs; r++)
        for (size_t i = 0; i < p->runs[r].n_evals; i++)
            k = p->runs[r].evals[i].pass_k > k ? p->runs[r].evals[i].pass_k : k;
    if (!k)
        return;
    snprintf(first, sizeof first, "pass@%u, first", k);
    snprintf(last, sizeof last, "pass@%u, last", k);
    snprintf(mean_first, sizeof mean_first, "mean@%u, first (interval)", k);
    snprintf(mean_last, sizeof mean_last, "mean@%u, last (interval)", k);
    buf_puts(out, "<h2 id=\"heldout\">Held-out prompts</h2>\n<div class=\"scroll\"><table>\n");
    heads(out, (const char *const[]){"prompts", "run", "number", mean_first, mean_last, first, last,
                                     "steps", NULL});
    for (size_t r = 0; r < p->n_runs; r++)
        for (size_t i = 0; i < p->runs[r].n_evals; i++)
            for (size_t other = r; is_first(p, r, i) && other < p->n_runs; other++)
                if (find_eval(&p->runs[other], p->runs[r].evals[i].part, false))
                    put_eval_row(&p->runs[other], p->runs[r].evals[i].part, out);
    buf_puts(out, "</table></div>\n");
}

/* ---- curves ---- */

static void put_charts(const struct page *p, bool main, struct buf *out)
{
    size_t n = 0;
    buf_puts(out, "<div class=\"charts\">\n");
    for (size_t i = 0; i < p->curves->n; i++)
        if (p->curves->c[i].main == main && n++ < CHARTS_MAX)
            svg_put(&p->curves->c[i].chart, CHART_WIDTH, CHART_HEIGHT, false, out);
    buf_puts(out, "</div>\n");
    if (n > CHARTS_MAX)
        buf_printf(out, "<p class=\"dim\">%zu more are not shown.</p>\n", n - CHARTS_MAX);
}

/* A legend of all charts, since the number of a run is that of its line; the script lets the
 * reader choose which are seen. */
static void put_run_switches(const struct page *p, struct buf *out)
{
    if (p->n_runs < 2)
        return;
    buf_puts(out, "<form id=\"runs\">\n");
    for (size_t i = 0; i < p->n_runs; i++) {
        buf_printf(out, "<label><input type=\"checkbox\" value=\"%zu\" checked hidden>", i);
        svg_put_sample(i, out);
        buf_puts(out, "<span>");
        html_puts(out, p->runs[i].name);
        buf_puts(out, "</span></label>\n");
    }
    buf_puts(out, "<button type=\"button\" hidden>all or none</button>\n</form>\n");
}

static void put_curves(const struct page *p, struct buf *out)
{
    size_t others = 0;
    for (size_t i = 0; i < p->curves->n; i++)
        others += !p->curves->c[i].main;
    if (!p->curves->n)
        return;
    buf_puts(out, "<h2 id=\"curves\">Curves</h2>\n");
    put_run_switches(p, out);
    put_charts(p, true, out);
    if (p->curves->zero.n) {
        buf_puts(out, "<p class=\"dim\">0 at every step: ");
        html_put(out, buf_str(&p->curves->zero));
        buf_puts(out, "</p>\n");
    }
    if (others) {
        buf_printf(out, "<details class=\"more\"><summary>%zu more metrics</summary>\n", others);
        put_charts(p, false, out);
        buf_puts(out, "</details>\n");
    }
}

/* ---- parameters ---- */

static void put_param_row(const struct page *p, const char *name, struct buf *out)
{
    bool differs = false;
    const char *first = run_param(&p->runs[0], name);
    for (size_t r = 1; r < p->n_runs; r++) {
        const char *v = run_param(&p->runs[r], name);
        differs |= strcmp(v ? v : "", first ? first : "") != 0;
    }
    buf_puts(out, differs ? "<tr class=\"differs\">" : "<tr>");
    cell(out, "td", name);
    for (size_t r = 0; r < p->n_runs; r++) {
        const char *v = run_param(&p->runs[r], name);
        buf_puts(out, "<td class=\"left\">");
        html_puts(out, v ? v : "");
        buf_puts(out, "</td>");
    }
    buf_puts(out, "</tr>\n");
}

static void put_params(const struct page *p, struct buf *out)
{
    size_t n = 0;
    for (size_t r = 0; r < p->n_runs; r++)
        n += p->runs[r].n_params;
    if (!n)
        return;
    buf_puts(out, "<h2 id=\"parameters\">Parameters</h2>\n<div class=\"scroll\"><table>\n<tr>");
    cell(out, "th", "name");
    for (size_t r = 0; r < p->n_runs; r++)
        cell(out, "th", p->runs[r].name);
    buf_puts(out, "</tr>\n");
    for (size_t r = 0; r < p->n_runs; r++)
        for (size_t i = 0; i < p->runs[r].n_params; i++) {
            bool seen = false;
            for (size_t before = 0; before < r; before++)
                seen |= run_param(&p->runs[before], p->runs[r].params[i].name) != NULL;
            if (!seen)
                put_param_row(p, p->runs[r].params[i].name, out);
        }
    buf_puts(out, "</table></div>\n");
    if (p->n_runs > 1)
        buf_puts(out, "<p class=\"dim\">\xE2\x89\xA0: differs between the runs</p>\n");
}

/* ---- groups ---- */

static const char filters[] =
    "<form id=\"filters\" hidden>\n"
    "<label>run <select name=\"run\"><option value=\"\">all</option></select></label>\n"
    "<label>step <select name=\"step\"><option value=\"\">all</option></select></label>\n"
    "<label>contrast <select name=\"contrast\"><option value=\"\">all</option></select></label>\n"
    "<label>has a verdict <select name=\"verdict\"><option "
    "value=\"\">any</option></select></label>\n"
    "<label>gold <select name=\"gold\"><option value=\"\">all</option></select></label>\n"
    "<label>kind <select name=\"part\"><option value=\"\">all</option></select></label>\n"
    "<label>id or text <input name=\"text\" type=\"search\"></label>\n"
    "<label>order <select name=\"sort\"><option value=\"page\">as they came</option>"
    "<option value=\"id\">id</option><option value=\"step\">step</option>"
    "<option value=\"right\">share right</option><option value=\"length\">length</option>"
    "<option value=\"logp\">probability</option>"
    "<option value=\"moved\">gold's change of log-prob</option></select></label>\n"
    "<label><input name=\"reverse\" type=\"checkbox\">reversed</label>\n"
    "<output id=\"count\" class=\"dim\"></output>\n</form>\n";

static void put_groups(const struct page *p, struct buf *out)
{
    if (!p->n_groups)
        return;
    buf_puts(out, "<h2 id=\"browser\">Groups</h2>\n<p class=\"dim\">");
    html_puts(out, p->groups_note);
    buf_puts(out, "</p>\n<p class=\"key dim\">Probability of a token: <span class=\"p1\">below "
                  "0.5</span> <span class=\"p2\">below 0.1</span> <span class=\"p3\">below "
                  "0.01</span></p>\n");
    buf_puts(out, filters);
    buf_puts(out, "<div id=\"groups\">\n");
    buf_putstr(out, p->groups);
    buf_puts(out, "</div>\n");
}

static void put_provenance(const struct page *p, struct buf *out)
{
    if (p->provenance.n) {
        buf_puts(out, "<h2 id=\"provenance\">Provenance</h2>\n<pre>");
        html_put(out, p->provenance);
        buf_puts(out, "</pre>\n");
    }
    buf_puts(out, "<p class=\"dim\">gcpo-report " GCPO_VERSION "</p>\n");
}

static void put_title(const struct page *p, struct buf *out)
{
    for (size_t i = 0; i < p->n_runs && i < TITLE_RUNS; i++) {
        if (i)
            buf_puts(out, ", ");
        html_puts(out, p->runs[i].name);
    }
    if (p->n_runs > TITLE_RUNS)
        buf_printf(out, " and %zu more", p->n_runs - TITLE_RUNS);
}

/* The script runs by a nonce that is a hash of the page itself: text inside the page
 * cannot know it. */
void page_put(const struct page *p, struct buf *out)
{
    struct buf body = {0};
    buf_puts(&body, "<h1>");
    put_title(p, &body);
    buf_puts(&body, "</h1>\n");
    put_overview(p, &body);
    put_evals(p, &body);
    put_curves(p, &body);
    put_groups(p, &body);
    put_params(p, &body);
    put_provenance(p, &body);
    buf_puts(&body,
             "<dialog id=\"zoom\"><form method=\"dialog\"><b></b><span class=\"dim\">drag to "
             "zoom, double-click to see all, click a name to hide its "
             "line</span><button>close</button></form><div></div></dialog>\n");

    unsigned long long nonce = str_hash(buf_str(&body));
    buf_printf(out,
               "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
               "style-src 'unsafe-inline'; script-src 'nonce-%016llx'\">\n"
               "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
               "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
               nonce);
    put_title(p, out);
    buf_puts(out, "</title>\n<style>\n");
    buf_puts(out, svg_style);
    buf_put(out, uplot_css, sizeof uplot_css);
    buf_put(out, css, sizeof css);
    buf_puts(out, "</style>\n</head>\n<body>\n");
    buf_putstr(out, buf_str(&body));
    buf_printf(out, "<script nonce=\"%016llx\">\n", nonce);
    buf_put(out, uplot, sizeof uplot);
    buf_put(out, script, sizeof script);
    buf_puts(out, "</script>\n</body>\n</html>\n");
    buf_free(&body);
}
