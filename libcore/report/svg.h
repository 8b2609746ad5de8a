/* svg.h - line charts as SVG: static, the same bytes for the same numbers.
 *
 * Lines differ in colour and in dashes; the colours can be told apart by the
 * colour-blind and follow the reader's light or dark scheme.  Points carry their
 * numbers as <title>, which browsers show on hovering, without any script. */
#ifndef REPORT_SVG_H
#define REPORT_SVG_H

#include "base/str.h"

enum {
    SVG_COLOURS = 8,      /* then they repeat, with other dashes */
    SVG_POINTS_MAX = 400, /* of a line, fewer where there are many lines; longer ones are thinned
                           * to the extremes of each part */
    SVG_POINTS_MIN = 24,  /* however many lines there are */
    SVG_MARKED_MAX = 60,  /* points of a line that are drawn as such, all lines' fourfold */
    SVG_BANDS_MAX = 5     /* lines of a chart that have intervals around them */
};

struct svg_line {
    char *name;
    double *x, *y;      /* [n]; NAN in y leaves a gap; x rises */
    double *low, *high; /* [n] an interval around y; may be NULL */
    size_t n;
};

struct svg_chart {
    const char *title, *x_label;
    bool percent; /* numbers are shares */
    bool whole;   /* the axis goes from 0 to 1 */
    bool afloat;  /* the axis need not begin at 0 */
    bool bare;    /* without a legend in a page, which has one of its own for all charts */
    const struct svg_line *lines;
    size_t n_lines;
};

/* The colours and what the classes mean, for a page that holds charts. */
extern const char svg_style[];

/* standalone: a file of its own, with style and name space.  Otherwise lines carry what the
 * page's script needs: a <g data-line="NUMBER"> each and one for its legend, the points as
 * data-points="X,Y X,Y ..." (no Y where there is a gap), data-percent of the chart. */
void svg_put(const struct svg_chart *c, double width, double height, bool standalone,
             struct buf *out);

/* A piece of line k, for a legend in a page. */
void svg_put_sample(size_t k, struct buf *out);

#endif
