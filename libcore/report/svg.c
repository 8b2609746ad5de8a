/* svg.c - see svg.h.
 *
 *     title
 *     y ticks |  plot           margin: left by the longest label
 *             +----------
 *               x ticks
 *     legend, in as many rows as it takes */
#include "report/svg.h"
#include "base/mem.h"
#include "report/html.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHARACTER = 7, LEGEND_ROW = 18, TOP = 30, AXIS = 34, RIGHT = 14, TICKS = 5 };

const char svg_style[] =
    ":root{--bg:#fff;--fg:#1b1b1b;--dim:#6a6a6a;--grid:#e3e3e3;"
    "--c0:#0072b2;--c1:#d55e00;--c2:#007a59;--c3:#b5518c;--c4:#9a6a00;--c5:#2f8fce;--c6:#5d3a9b;"
    "--c7:#555}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#15181c;--fg:#e4e4e4;--dim:#9aa0a6;--grid:#"
    "2d3238;"
    "--c0:#4fb0f0;--c1:#ff8a4c;--c2:#2cc79a;--c3:#f0a3cf;--c4:#f0c04a;--c5:#9ad4f5;--c6:#b79cff;"
    "--c7:#bbb}}\n"
    "@media print{:root{--bg:#fff;--fg:#000;--dim:#444;--grid:#ccc;--c0:#0072b2;--c1:#d55e00;"
    "--c2:#007a59;--c3:#b5518c;--c4:#9a6a00;--c5:#2f8fce;--c6:#5d3a9b;--c7:#555}}\n"
    ".chart{font:12px system-ui,sans-serif;fill:var(--fg)}.chart .t{font-weight:600;font-size:13px}"
    ".chart .d{fill:var(--dim)}.chart .g{stroke:var(--grid);fill:none}.chart .e{text-anchor:end}"
    ".chart .m{text-anchor:middle}.chart "
    ".l{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}"
    ".chart .b{stroke:none;opacity:.15}.chart .bg{fill:var(--bg)}\n"
    ".chart .c0{stroke:var(--c0);color:var(--c0)}.chart .c1{stroke:var(--c1);color:var(--c1)}"
    ".chart .c2{stroke:var(--c2);color:var(--c2)}.chart .c3{stroke:var(--c3);color:var(--c3)}"
    ".chart .c4{stroke:var(--c4);color:var(--c4)}.chart .c5{stroke:var(--c5);color:var(--c5)}"
    ".chart .c6{stroke:var(--c6);color:var(--c6)}.chart .c7{stroke:var(--c7);color:var(--c7)}"
    ".chart .b,.chart circle{fill:currentColor;stroke:none}\n";

/* Dashes of a line; none for the first. */
static const char *const dashes[] = {"",     "7 3", "2 3", "9 3 2 3",
                                     "12 4", "4 2", "1 2", "9 3 2 3 2 3"};

struct scale {
    double low, high, step; /* of the axis; step between ticks */
    double from, to;        /* in the picture */
};

struct plot {
    const struct svg_chart *c;
    struct buf *out;
    struct scale x, y;
    bool data; /* for a script */
};

/* 1, 2 or 5 times a power of ten. */
static double round_step(double range, int ticks)
{
    double raw = range / ticks, power = pow(10, floor(log10(raw))), m = raw / power;
    return power * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

static void widen(struct scale *s, double v)
{
    if (isnan(v))
        return;
    s->low = isnan(s->low) || v < s->low ? v : s->low;
    s->high = isnan(s->high) || v > s->high ? v : s->high;
}

static double place(const struct scale *s, double v)
{
    return s->from + (v - s->low) / (s->high - s->low) * (s->to - s->from);
}

static void set_axis(struct scale *s, bool from_zero, double least_step)
{
    if (isnan(s->low))
        s->low = 0, s->high = 1;
    if (from_zero && s->low > 0 && s->low < 0.6 * s->high)
        s->low = 0;
    if (!(s->high > s->low)) {
        double room = s->low == 0 ? 1 : fabs(s->low) * 0.1;
        s->low -= from_zero && s->low == 0 ? 0 : room;
        s->high += room;
    }
    s->step = round_step(s->high - s->low, TICKS);
    if (s->step < least_step)
        s->step = least_step;
}

static void find_scales(struct plot *p)
{
    p->x.low = p->x.high = p->y.low = p->y.high = (double)NAN;
    for (size_t k = 0; k < p->c->n_lines; k++)
        for (size_t i = 0; i < p->c->lines[k].n; i++) {
            const struct svg_line *l = &p->c->lines[k];
            widen(&p->x, l->x[i]);
            widen(&p->y, l->y[i]);
            if (l->low && !isnan(l->y[i])) {
                widen(&p->y, l->low[i]);
                widen(&p->y, l->high[i]);
            }
        }
    set_axis(&p->x, false, 1);
    if (p->c->whole) {
        p->y.low = 0, p->y.high = 1, p->y.step = 0.25;
        return;
    }
    set_axis(&p->y, !p->c->afloat, 0);
    p->y.low = floor(p->y.low / p->y.step + 1e-9) * p->y.step;
    p->y.high = ceil(p->y.high / p->y.step - 1e-9) * p->y.step;
}

static void tick_text(char out[32], double v, double step, bool percent)
{
    if (fabs(v) < step * 1e-6)
        v = 0;
    if (percent)
        snprintf(out, 32, "%.4g%%", 100 * v);
    else if (step >= 1e6)
        snprintf(out, 32, "%.5gM", v / 1e6);
    else if (step >= 1e3)
        snprintf(out, 32, "%.5gk", v / 1e3);
    else
        snprintf(out, 32, "%.5g", v);
}

static size_t widest_tick(const struct plot *p)
{
    size_t most = 0;
    char text[32];
    for (double v = p->y.low; v <= p->y.high + p->y.step / 2; v += p->y.step) {
        tick_text(text, v, p->y.step, p->c->percent);
        size_t n = utf8_length(str_of(text));
        most = n > most ? n : most;
    }
    return most;
}

static void put_axes(const struct plot *p)
{
    char text[32];
    for (int i = 0; p->y.low + i * p->y.step <= p->y.high + p->y.step / 2; i++) {
        double v = p->y.low + i * p->y.step, y = place(&p->y, v);
        tick_text(text, v, p->y.step, p->c->percent);
        buf_printf(p->out,
                   "<path class=\"g\" d=\"M%.1f %.1fH%.1f\"/><text class=\"d e\" x=\"%.1f\" "
                   "y=\"%.1f\">%s</text>\n",
                   p->x.from, y, p->x.to, p->x.from - 6, y + 4, text);
    }
    double first = ceil(p->x.low / p->x.step - 1e-9) * p->x.step;
    for (int i = 0; first + i * p->x.step <= p->x.high + p->x.step * 1e-6; i++) {
        double v = first + i * p->x.step, x = place(&p->x, v);
        tick_text(text, v, p->x.step, false);
        buf_printf(p->out, "<text class=\"d m\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x,
                   p->y.from + 16, text);
    }
    buf_printf(p->out, "<text class=\"d e\" x=\"%.1f\" y=\"%.1f\">", p->x.to, p->y.from + 30);
    html_puts(p->out, p->c->x_label);
    buf_puts(p->out, "</text>\n");
}

/* At most `most` of n points: all, or of each part the least and the largest y. */
static size_t thin(const struct svg_line *l, size_t most, size_t *keep)
{
    size_t parts = most / 2, n = 0;
    if (l->n <= most) {
        for (size_t i = 0; i < l->n; i++)
            keep[i] = i;
        return l->n;
    }
    for (size_t k = 0; k < parts; k++) {
        size_t from = k * l->n / parts, to = (k + 1) * l->n / parts, least = from, top = from;
        for (size_t i = from; i < to; i++) {
            if (isnan(l->y[least]) || l->y[i] < l->y[least])
                least = i;
            if (isnan(l->y[top]) || l->y[i] > l->y[top])
                top = i;
        }
        keep[n++] = least < top ? least : top;
        if (least != top)
            keep[n++] = least < top ? top : least;
    }
    return n;
}

static size_t points_of(const struct svg_chart *c)
{
    size_t most = 4 * SVG_POINTS_MAX / (c->n_lines ? c->n_lines : 1);
    return most > SVG_POINTS_MAX ? SVG_POINTS_MAX : most < SVG_POINTS_MIN ? SVG_POINTS_MIN : most;
}

static void put_band(const struct plot *p, const struct svg_line *l, size_t colour)
{
    size_t from = 0;
    while (from < l->n) {
        size_t to = from;
        while (to < l->n && !isnan(l->y[to]))
            to++;
        if (to > from + 1) {
            buf_printf(p->out, "<path class=\"b c%zu\" d=\"", colour);
            for (size_t i = from; i < to; i++)
                buf_printf(p->out, "%c%.1f %.1f", i > from ? 'L' : 'M', place(&p->x, l->x[i]),
                           place(&p->y, l->high[i]));
            for (size_t i = to; i-- > from;)
                buf_printf(p->out, "L%.1f %.1f", place(&p->x, l->x[i]), place(&p->y, l->low[i]));
            buf_puts(p->out, "Z\"/>\n");
        }
        from = to + 1;
    }
}

static void put_points(const struct plot *p, const struct svg_line *l, size_t colour)
{
    char value[32];
    for (size_t i = 0; i < l->n; i++) {
        if (isnan(l->y[i]))
            continue;
        buf_printf(p->out, "<circle class=\"c%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"><title>",
                   colour, place(&p->x, l->x[i]), place(&p->y, l->y[i]));
        html_puts(p->out, l->name);
        snprintf(value, sizeof value, p->c->percent ? "%.4g%%" : "%.6g",
                 p->c->percent ? 100 * l->y[i] : l->y[i]);
        buf_printf(p->out, ", %s %.6g: %s</title></circle>\n", p->c->x_label, l->x[i], value);
    }
}

static const char *dash_of(size_t k)
{
    return dashes[(k + k / SVG_COLOURS) % (sizeof dashes / sizeof *dashes)];
}

static void put_dash(struct buf *out, size_t k)
{
    if (*dash_of(k))
        buf_printf(out, " stroke-dasharray=\"%s\"", dash_of(k));
}

/* The numbers themselves: a script that enlarges the chart needs more than pixels. */
static void put_data(const struct plot *p, const struct svg_line *l, const size_t *keep, size_t n)
{
    buf_puts(p->out, " data-points=\"");
    for (size_t i = 0; i < n; i++) {
        buf_printf(p->out, "%s%.7g,", i ? " " : "", l->x[keep[i]]);
        if (!isnan(l->y[keep[i]]))
            buf_printf(p->out, "%.5g", l->y[keep[i]]);
    }
    buf_puts(p->out, "\"");
}

static void put_line(const struct plot *p, size_t k)
{
    const struct svg_line *l = &p->c->lines[k];
    size_t most = points_of(p->c);
    size_t *keep = xcalloc(l->n + most, sizeof *keep), n = thin(l, most, keep);
    bool down = false; /* the pen */
    if (p->data)
        buf_printf(p->out, "<g data-line=\"%zu\">\n", k);
    if (l->low && p->c->n_lines <= SVG_BANDS_MAX)
        put_band(p, l, k % SVG_COLOURS);
    buf_printf(p->out, "<path class=\"l c%zu\"", k % SVG_COLOURS);
    put_dash(p->out, k);
    if (p->data)
        put_data(p, l, keep, n);
    buf_puts(p->out, " d=\"");
    for (size_t i = 0; i < n; i++) {
        double y = l->y[keep[i]];
        if (!isnan(y))
            buf_printf(p->out, "%c%.1f %.1f", down ? 'L' : 'M', place(&p->x, l->x[keep[i]]),
                       place(&p->y, y));
        bool alone = !down && (i + 1 == n || isnan(l->y[keep[i + 1]]));
        if (!isnan(y) && alone)
            buf_puts(p->out, "h0"); /* round caps make a dot of it */
        down = !isnan(y);
    }
    buf_puts(p->out, "\"/>\n");
    if (l->n <= SVG_MARKED_MAX && l->n * p->c->n_lines <= (size_t)4 * SVG_MARKED_MAX)
        put_points(p, l, k % SVG_COLOURS);
    if (p->data)
        buf_puts(p->out, "</g>\n");
    free(keep);
}

static double entry_width(const struct svg_line *l)
{
    return 40 + CHARACTER * (double)utf8_length(str_of(l->name));
}

static size_t legend_rows(const struct svg_chart *c, double width)
{
    double x = 0;
    size_t rows = 1;
    for (size_t k = 0; k < c->n_lines; k++) {
        if (x > 0 && x + entry_width(&c->lines[k]) > width) {
            rows++;
            x = 0;
        }
        x += entry_width(&c->lines[k]);
    }
    return c->n_lines > 1 ? rows : 0;
}

static void put_legend(const struct plot *p, double left, double width, double y)
{
    double x = 0;
    for (size_t k = 0; k < p->c->n_lines; k++) {
        const struct svg_line *l = &p->c->lines[k];
        if (x > 0 && x + entry_width(l) > width) {
            x = 0;
            y += LEGEND_ROW;
        }
        if (p->data)
            buf_printf(p->out, "<g data-line=\"%zu\">", k);
        buf_printf(p->out, "<path class=\"l c%zu\" d=\"M%.1f %.1fh22\"", k % SVG_COLOURS, left + x,
                   y - 4);
        put_dash(p->out, k);
        buf_printf(p->out, "/><text x=\"%.1f\" y=\"%.1f\">", left + x + 27, y);
        html_puts(p->out, l->name);
        buf_puts(p->out, p->data ? "</text></g>\n" : "</text>\n");
        x += entry_width(l);
    }
}

void svg_put_sample(size_t k, struct buf *out)
{
    buf_printf(
        out,
        "<svg class=\"chart sample\" viewBox=\"0 0 26 10\"><path class=\"l c%zu\" d=\"M2 5h22\"",
        k % SVG_COLOURS);
    put_dash(out, k);
    buf_puts(out, "/></svg>");
}

void svg_put(const struct svg_chart *c, double width, double height, bool standalone,
             struct buf *out)
{
    struct plot p = {.c = c, .out = out, .data = !standalone};
    find_scales(&p);
    double left = 12 + CHARACTER * (double)widest_tick(&p);
    size_t rows = c->bare && !standalone ? 0 : legend_rows(c, width - left);
    double whole = height + (double)(rows * LEGEND_ROW) + (rows ? 6 : 0);
    p.x.from = left, p.x.to = width - RIGHT;
    p.y.from = height - AXIS, p.y.to = TOP;
    buf_printf(out, "<svg class=\"chart\"%s viewBox=\"0 0 %.0f %.0f\" role=\"img\"",
               standalone ? " xmlns=\"http://www.w3.org/2000/svg\"" : "", width, whole);
    if (standalone)
        buf_printf(out, " width=\"%.0f\" height=\"%.0f\"", width, whole);
    html_attribute(out, "aria-label", str_of(c->title));
    if (!standalone && c->percent)
        buf_puts(out, " data-percent");
    buf_puts(out, ">\n");
    if (standalone)
        buf_printf(out, "<style>%s</style>\n<rect class=\"bg\" width=\"%.0f\" height=\"%.0f\"/>\n",
                   svg_style, width, whole);
    buf_puts(out, "<text class=\"t\" x=\"4\" y=\"16\">");
    html_puts(out, c->title);
    buf_puts(out, "</text>\n");
    put_axes(&p);
    for (size_t k = 0; k < c->n_lines; k++)
        put_line(&p, k);
    if (rows)
        put_legend(&p, left, width - left, height + 12);
    buf_puts(out, "</svg>\n");
}
