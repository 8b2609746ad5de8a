/* test_report.c - estimators against brute force, draws against their distribution, tables. */
#include "../tap.h"
#include "base/mem.h"
#include "report/bootstrap.h"
#include "report/html.h"
#include "report/idset.h"
#include "report/lengths.h"
#include "report/pair.h"
#include "report/rates.h"
#include "report/series.h"
#include "report/svg.h"
#include "report/table.h"
#include "report/tally.h"

#include <stdlib.h>

/* The share of the k-subsets of n responses (the first c of them correct) that
 * hold a correct one, all correct ones, none: by counting every subset. */
static void count_subsets(uint32_t n, uint32_t c, uint32_t k, double *any, double *all,
                          double *none)
{
    unsigned of = 0, some = 0, every = 0;
    for (uint32_t set = 0; set < 1u << n; set++) {
        if ((uint32_t)__builtin_popcount(set) != k)
            continue;
        uint32_t right = (uint32_t)__builtin_popcount(set & ((1u << c) - 1));
        of++;
        some += right > 0;
        every += right == k;
    }
    *any = (double)some / of;
    *all = (double)every / of;
    *none = 1 - *any;
}

static void pass_at_k_counts_subsets(void)
{
    for (uint32_t n = 1; n <= 8; n++)
        for (uint32_t c = 0; c <= n; c++)
            for (uint32_t k = 1; k <= n; k++) {
                struct rates r = {0};
                double any, all, none, wrong, right;
                bool extrapolated;
                count_subsets(n, c, k, &any, &all, &none);
                CHECK_NEAR(pass_at_k(n, c, k), any, 1e-14);
                rates_add(&r, (struct rate){n, c, 0, 1, 3});
                rates_no_contrast(&r, k, &wrong, &right, &extrapolated);
                CHECK_NEAR(wrong, none, 1e-14);
                CHECK_NEAR(right, all, 1e-14);
                CHECK(!extrapolated);
                rates_free(&r);
            }
}

/* Groups of 8 whose solve rates are uniform: every count is equally likely, and a
 * group of g has no contrast with chance 2 / (g + 1). */
static void larger_groups_are_extrapolated(void)
{
    struct rates r = {0};
    double wrong, right;
    bool extrapolated;
    for (uint32_t c = 0; c <= 8; c++)
        rates_add(&r, (struct rate){8, c, 0, 1, 100});
    for (uint32_t g = 16; g <= 128; g *= 2) {
        rates_no_contrast(&r, g, &wrong, &right, &extrapolated);
        CHECK_NEAR(wrong, 1.0 / (g + 1), 1e-9);
        CHECK_NEAR(right, 1.0 / (g + 1), 1e-9);
        CHECK(extrapolated);
    }
    rates_free(&r);
    /* All rates alike: nothing to learn from a prompt's own count. */
    rates_add(&r, (struct rate){4, 2, 0, 1, 6});
    rates_add(&r, (struct rate){4, 1, 0, 1, 4});
    rates_add(&r, (struct rate){4, 3, 0, 1, 4});
    rates_add(&r, (struct rate){4, 0, 0, 1, 1});
    rates_add(&r, (struct rate){4, 4, 0, 1, 1});
    rates_no_contrast(&r, 8, &wrong, &right, &extrapolated);
    CHECK_NEAR(wrong, 1.0 / 256, 1e-4);
    CHECK_NEAR(right, 1.0 / 256, 1e-4);
    rates_free(&r);
    for (int all = 0; all < 2; all++) { /* and the extremes stay finite */
        rates_add(&r, (struct rate){4, all ? 4 : 0, 0, 1, 9});
        rates_no_contrast(&r, 64, &wrong, &right, &extrapolated);
        CHECK_NEAR(wrong + right, 1, 1e-2);
        rates_free(&r);
    }
}

static void binomial_draws_have_the_right_distribution(void)
{
    enum { DRAWS = 20000 };
    const uint64_t cases[][3] = {
        {10, 1, 3}, {1, 1, 2}, {500, 7, 1000}, {33, 999, 1000}, {200, 1, 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double n = (double)cases[i][0], p = (double)cases[i][1] / (double)cases[i][2];
        double sum = 0, squares = 0;
        for (uint32_t d = 0; d < DRAWS; d++) {
            uint32_t j = 0;
            uint64_t x = draw_binomial(cases[i][0], cases[i][1], cases[i][2], 7, d, &j);
            CHECK(x <= cases[i][0]);
            sum += (double)x;
            squares += (double)x * (double)x;
        }
        double mean = sum / DRAWS, variance = squares / DRAWS - mean * mean, v = n * p * (1 - p);
        CHECK_NEAR(mean, n * p, 5 * sqrt(v / DRAWS));
        CHECK_NEAR(variance, v, 0.08 * v + 0.01);
    }
    uint32_t j = 0;
    CHECK_INT(draw_binomial(1000, 0, 7, 1, 0, &j), 0);
    CHECK_INT(draw_binomial(1000, 7, 7, 1, 0, &j), 1000);
}

static void an_interval_is_that_of_the_normal_approximation(void)
{
    struct rates r = {0};
    const struct statistic mean = {STATISTIC_MEAN, 0};
    struct estimate e, again;
    rates_add(&r, (struct rate){1, 0, 0, 1, 6000});
    rates_add(&r, (struct rate){1, 1, 1, 1, 4000});
    rates_estimate(&r, &mean, 1, 2000, 0.95, 1, &e);
    double se = sqrt(0.4 * 0.6 / 10000);
    CHECK_NEAR(e.value, 0.4, 1e-15);
    CHECK_NEAR(e.low, 0.4 - 1.96 * se, 0.15 * se);
    CHECK_NEAR(e.high, 0.4 + 1.96 * se, 0.15 * se);
    CHECK_INT(e.groups, 10000);
    rates_estimate(&r, &mean, 1, 2000, 0.95, 1, &again);
    CHECK(e.low == again.low && e.high == again.high);
    rates_estimate(&r, &mean, 1, 2000, 0.95, 2, &again);
    CHECK(e.low != again.low || e.high != again.high);
    rates_free(&r);
    rates_estimate(&r, &mean, 1, 100, 0.95, 1, &e); /* nothing at all */
    CHECK_INT(e.groups, 0);
}

/* The order in which outcomes arrive does not matter. */
static void counts_forget_the_order(void)
{
    struct rates a = {0}, b = {0};
    for (uint32_t i = 0; i < 600; i++) {
        uint32_t k = 599 - i;
        rates_add(&a, (struct rate){1 + i % 70, i % (1 + i % 70), 0, 1, 1});
        rates_add(&b, (struct rate){1 + k % 70, k % (1 + k % 70), 0, 1, 1});
    }
    CHECK(a.n == b.n && a.groups == 600 && rates_largest(&a) == 70);
    const struct statistic s[] = {{STATISTIC_MEAN, 0}, {STATISTIC_PASS, 8}};
    struct estimate x[2], y[2];
    rates_estimate(&a, s, 2, 50, 0.9, 0, x);
    rates_estimate(&b, s, 2, 50, 0.9, 0, y);
    CHECK(x[0].low == y[0].low && x[1].high == y[1].high && x[1].groups < 600);
    rates_free(&a);
    rates_free(&b);
}

static void quantiles_interpolate(void)
{
    const double v[] = {1, 2, 4, 8};
    CHECK_NEAR(quantile_sorted(v, 4, 0), 1, 0);
    CHECK_NEAR(quantile_sorted(v, 4, 1), 8, 0);
    CHECK_NEAR(quantile_sorted(v, 4, 0.5), 3, 0);
    CHECK_NEAR(quantile_sorted(v, 4, 0.25), 1.75, 1e-15);
    CHECK_NEAR(quantile_sorted(v, 1, 0.7), 1, 0);
}

static void lengths_are_exact_and_then_close(void)
{
    struct lengths l = {0};
    for (uint64_t i = 1; i <= 1000; i++)
        lengths_add(&l, i);
    CHECK_INT(lengths_quantile(&l, 0.5), 500);
    CHECK_INT(lengths_quantile(&l, 0.9), 900);
    CHECK_INT(lengths_quantile(&l, 1), 1000);
    CHECK_NEAR(lengths_mean(&l), 500.5, 0);
    CHECK(l.least == 1 && l.largest == 1000);
    lengths_free(&l);
    for (uint64_t v = 60000; v < (uint64_t)1 << 50; v += v / 3) {
        lengths_add(&l, v);
        uint64_t q = lengths_quantile(&l, 1);
        CHECK(q <= v && (double)(v - q) <= (double)v / 256);
        CHECK(v >= LENGTHS_EXACT || q == v);
        lengths_free(&l);
    }
    CHECK_INT(lengths_quantile(&l, 0.5), 0);
}

static void many_words_become_other(void)
{
    struct words w = {0};
    char text[80];
    for (int i = 0; i < 100; i++) {
        int n = snprintf(text, sizeof text, "w%02d", i);
        words_add(&w, (struct str){text, (size_t)n});
        words_add(&w, STR("w05"));
    }
    CHECK_INT(w.n, WORDS_MAX + 1);
    CHECK_STR(w.w[0].text, WORDS_REST);
    CHECK_INT(w.w[0].count, 100 - WORDS_MAX);
    CHECK_INT(w.w[6].count, 101);
    memset(text, 'x', sizeof text);
    words_add(&w, (struct str){text, sizeof text}); /* longer than is kept */
    words_free(&w);
}

static void a_table_lines_up(void)
{
    struct table t = {.align = "lr"};
    struct buf out = {0};
    table_put(&t, "a");
    table_put(&t, "1");
    table_put_str(&t, STR("\303\251\303\251\303\251"));
    table_put(&t, "234");
    table_put(&t, "bb");
    table_put(&t, "%s", "");
    table_print(&t, &out);
    CHECK_STR(buf_cstr(&out), "a      1\n\303\251\303\251\303\251  234\nbb\n");
    table_free(&t);
    buf_reset(&out);
    table_put(&t, "a,b");
    table_put(&t, "say \"x\"");
    table_print_csv(&t, 2, &out);
    CHECK_STR(buf_cstr(&out), "\"a,b\",\"say \"\"x\"\"\"\n");
    table_free(&t);
    buf_free(&out);
    char text[32];
    CHECK_STR(table_count(text, 0), "0");
    CHECK_STR(table_count(text, 999), "999");
    CHECK_STR(table_count(text, 1234567), "1,234,567");
}

static void metrics_are_flattened(void)
{
    struct series s = {0};
    struct err e = ERR_NONE;
    struct buf out = {0};
    CHECK(series_add(&s, STR("{\"step\":1,\"a\":{\"x\":0.5,\"y\":true},\"s\":\"no\"}"), &e));
    CHECK(series_add(&s, STR("{\"step\":2,\"a\":{\"x\":0.25},\"late\":7}"), &e));
    CHECK(s.n_columns == 4 && s.n_rows == 2);
    CHECK_NEAR(series_at(&s, 1, series_column(&s, "a.x")), 0.25, 0);
    CHECK(isnan(series_at(&s, 0, series_column(&s, "late"))));
    CHECK(isnan(series_at(&s, 1, series_column(&s, "a.y"))));
    CHECK(series_column(&s, "s") == SERIES_NONE);
    const char *wanted[] = {"a"};
    CHECK(series_wants("a.x", wanted, 1) && series_wants("a", wanted, 1));
    CHECK(!series_wants("ab", wanted, 1));
    series_print(&s, NULL, 0, 80, &out);
    CHECK_STR(buf_cstr(&out),
              "         a\nstep     x  y  late\n   1   0.5  1\n   2  0.25        7\n");
    series_free(&s);
    buf_free(&out);
    for (int i = 0; i < 300; i++) { /* columns appear late */
        char line[64];
        int n = snprintf(line, sizeof line, "{\"step\":%d,\"c%d\":%d}", i, i % 150, i);
        CHECK(series_add(&s, (struct str){line, (size_t)n}, &e));
    }
    for (size_t i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%zu", i % 150);
        CHECK_NEAR(series_at(&s, i, series_column(&s, name)), (double)i, 0);
    }
    series_free(&s);
}

static void pairs_are_joined(void)
{
    struct idtable a = {0}, b = {0};
    struct pair p;
    for (uint64_t k = 0; k < 3000; k++) {
        struct id_entry *x = idtable_get(&a, k * 7919);
        x->n = 4, x->c = k % 3;
        if (k % 2) {
            struct id_entry *y = idtable_get(&b, k * 7919);
            y->n = 4, y->c = k % 3 + 1;
        }
    }
    idtable_get(&b, 5)->n = 4;
    pair_compare(&a, &b, 200, 0.95, 0, &p);
    CHECK_INT(p.both, 1500);
    CHECK_INT(p.only_a, 1500);
    CHECK_INT(p.only_b, 1);
    CHECK_INT(p.better, 1500);
    CHECK(p.n_rows == 3 && p.row[2].k == 4);
    CHECK_NEAR(p.row[0].difference.value, 0.25, 1e-12);
    CHECK_NEAR(p.row[0].difference.low, 0.25, 1e-12); /* the pairing takes all variance away */
    CHECK_NEAR(p.row[0].difference.above, 1, 0);
    idtable_free(&a);
    idtable_free(&b);
}

static void a_set_holds_what_was_added(void)
{
    struct idset s = {0};
    for (uint64_t k = 0; k < 5000; k++)
        CHECK(idset_add(&s, k * 7919) == true);
    for (uint64_t k = 0; k < 5000; k++)
        CHECK(idset_add(&s, k * 7919) == false);
    CHECK(idset_add(&s, 7));
    CHECK_INT(s.n, 5001);
    CHECK(4 * s.n <= 3 * s.cap && 2 * s.n >= s.cap);
    idset_free(&s);
}

static const char *html_of(const char *text, size_t n)
{
    static struct buf out;
    buf_reset(&out);
    html_put(&out, (struct str){text, n});
    return buf_cstr(&out);
}

static void markup_is_escaped(void)
{
    CHECK_STR(html_of("<a b=\"c\">'&'</a>", 16),
              "&lt;a b=&quot;c&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
    CHECK_STR(html_of("a\n\tb", 4), "a\n\tb");
    CHECK_STR(html_of("\0\033\177", 3), "\xE2\x90\x80\xE2\x90\x9B\xE2\x90\xA1");
    CHECK_STR(html_of("\xFF"
                      "a\xE2\x80\xAE",
                      5),
              "\xEF\xBF\xBD"
              "a\xEF\xBF\xBD");
}

/* Coordinates of whatever is drawn lie inside the picture, and all numbers are finite. */
static void check_picture(const struct svg_chart *c)
{
    struct buf a = {0}, b = {0};
    svg_put(c, 400, 200, true, &a);
    svg_put(c, 400, 200, true, &b);
    CHECK(a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
    CHECK(!strstr(buf_cstr(&a), "nan") && !strstr(a.p, "inf"));
    for (const char *p = a.p; (p = strstr(p, " d=\"M")); p++) {
        double x, y;
        CHECK(sscanf(p + 5, "%lf %lf", &x, &y) == 2);
        CHECK(x >= 0 && x <= 400 && y >= 0 && y <= 300);
    }
    buf_free(&a);
    buf_free(&b);
}

static void charts_of_odd_data(void)
{
    double x[1000], y[1000], low[1000], high[1000];
    char name[] = "<a & b>";
    struct svg_line l = {name, x, y, NULL, NULL, 0};
    struct svg_chart c = {.title = "t", .x_label = "step", .lines = &l, .n_lines = 1};
    check_picture(&c); /* no point at all */
    for (int i = 0; i < 1000; i++)
        x[i] = i, y[i] = low[i] = high[i] = (double)NAN;
    l.n = 5;
    check_picture(&c); /* gaps only */
    y[2] = 7;
    check_picture(&c); /* a point between gaps */
    l.n = 1, y[0] = 0;
    check_picture(&c);
    y[0] = -3e300;
    check_picture(&c);
    for (int i = 0; i < 1000; i++)
        y[i] = i % 7 ? 1e-9 * i : (double)NAN, low[i] = y[i] - 1, high[i] = y[i] + 1;
    l.n = 1000;
    check_picture(&c);
    l.low = low, l.high = high;
    check_picture(&c);
    c.percent = c.whole = true;
    c.n_lines = 0;
    check_picture(&c);
}

int main(void)
{
    static const struct test t[] = {
        {"pass@k and contrast count subsets", pass_at_k_counts_subsets},
        {"larger groups are extrapolated", larger_groups_are_extrapolated},
        {"binomial draws have the right distribution", binomial_draws_have_the_right_distribution},
        {"an interval is that of the normal approximation",
         an_interval_is_that_of_the_normal_approximation},
        {"counts forget the order", counts_forget_the_order},
        {"quantiles interpolate", quantiles_interpolate},
        {"lengths are exact, then close", lengths_are_exact_and_then_close},
        {"many words become other", many_words_become_other},
        {"a table lines up", a_table_lines_up},
        {"metrics are flattened", metrics_are_flattened},
        {"pairs are joined", pairs_are_joined},
        {"a set holds what was added", a_set_holds_what_was_added},
        {"markup is escaped", markup_is_escaped},
        {"charts of odd data", charts_of_odd_data},
    };
    return TAP_RUN(t);
}
