/* series.c - see series.h. */
#include "report/series.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 200 }; /* of a column: the limit `metrics-name` */

void series_free(struct series *s)
{
    for (size_t i = 0; i < s->n_columns; i++)
        free(s->name[i]);
    free(s->name);
    free(s->cell);
    *s = (struct series){0};
}

size_t series_column(const struct series *s, const char *name)
{
    for (size_t i = 0; i < s->n_columns; i++)
        if (strcmp(s->name[i], name) == 0)
            return i;
    return SERIES_NONE;
}

double series_at(const struct series *s, size_t row, size_t column)
{
    return column < s->n_columns ? s->cell[row * s->width + column] : (double)NAN;
}

/* Makes every row twice as wide. */
static void widen(struct series *s)
{
    size_t width = s->width ? 2 * s->width : 32;
    double *cell = xmalloc((s->n_rows + 1) * width * sizeof *cell);
    for (size_t r = 0; r <= s->n_rows; r++)
        for (size_t c = 0; c < width; c++)
            cell[r * width + c] = s->cell && c < s->width ? s->cell[r * s->width + c] : (double)NAN;
    free(s->cell);
    s->cell = cell;
    s->width = width;
    s->cap = s->n_rows + 1;
}

static bool add_column(struct series *s, const char *name, size_t *column, struct err *e)
{
    if (s->n_columns == SERIES_COLUMNS_MAX)
        return err_set(e, ERR_DATA, "more than %d different metrics (metrics-columns)",
                       SERIES_COLUMNS_MAX);
    if (s->n_columns == s->width)
        widen(s);
    s->name = xrealloc(s->name, s->n_columns + 1, sizeof *s->name);
    s->name[s->n_columns] = xstrdup(name);
    for (char *c = s->name[s->n_columns]; *c; c++)
        *c = (unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c;
    *column = s->n_columns++;
    return true;
}

static bool add_value(struct series *s, const char *name, double v, struct err *e)
{
    size_t column = series_column(s, name);
    if (column == SERIES_NONE && !add_column(s, name, &column, e))
        return false;
    s->cell[s->n_rows * s->width + column] = v;
    return true;
}

/* The members of an object, with the names of those around it in front.  The
 * depth is bounded by json_check. */
static bool add_members(struct series *s, const char *prefix, struct str object, struct err *e)
{
    struct str key, value;
    struct arena a = {0};
    bool ok = true;
    for (struct json_iter it = json_iter(object); ok && json_next(&it, &key, &value);) {
        char name[NAME_MAX_BYTES + 1];
        struct str decoded = json_decode_key(&a, key);
        double v;
        bool truth;
        int n = snprintf(name, sizeof name, "%s%.*s", prefix, (int)decoded.n, decoded.p);
        if (n < 0 || n > NAME_MAX_BYTES)
            ok = err_set(e, ERR_DATA, "a metric's name is longer than %d bytes (metrics-name)",
                         NAME_MAX_BYTES);
        else if (json_double(value, &v))
            ok = add_value(s, name, v, e);
        else if (json_bool(value, &truth))
            ok = add_value(s, name, truth, e);
        else if (json_type(value) == JSON_OBJECT && n < NAME_MAX_BYTES) {
            strcat(name, ".");
            ok = add_members(s, name, value, e);
        }
    }
    arena_free(&a);
    return ok;
}

bool series_add(struct series *s, struct str object, struct err *e)
{
    if (s->width && s->n_rows >= SERIES_CELLS_MAX / s->width)
        return err_set(e, ERR_DATA, "more than %d numbers (metrics-cells)", SERIES_CELLS_MAX);
    if (!s->width)
        widen(s);
    if (s->n_rows == s->cap) {
        s->cap = 2 * s->cap;
        s->cell = xrealloc(s->cell, s->cap * s->width, sizeof *s->cell);
    }
    for (size_t c = 0; c < s->width; c++)
        s->cell[s->n_rows * s->width + c] = (double)NAN;
    if (!add_members(s, "", object, e))
        return false;
    s->n_rows++;
    return true;
}

bool series_wants(const char *column, const char *const *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(wanted[i]);
        if (strncmp(column, wanted[i], length) == 0 &&
            (column[length] == 0 || column[length] == '.'))
            return true;
    }
    return n == 0;
}

/* ---- tables ---- */

static void format(char out[32], double v)
{
    if (isnan(v))
        out[0] = 0;
    else if (v == floor(v) && fabs(v) < 1e9)
        snprintf(out, 32, "%.0f", v);
    else
        snprintf(out, 32, "%.4g", v);
}

static bool is_constant(const struct series *s, size_t column)
{
    double first = series_at(s, 0, column);
    for (size_t r = 1; r < s->n_rows; r++)
        if (!(series_at(s, r, column) == first))
            return false;
    return s->n_rows > 1 && !isnan(first);
}

/* "groups.all_wrong": the object's name, without the dot, and the member's. */
static struct str outer_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return (struct str){name, dot ? (size_t)(dot - name) : 0};
}

static const char *inner_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* A column is as wide as its numbers, its name, and the name of its object above it. */
static size_t width_of(const struct series *s, size_t column)
{
    char text[32];
    size_t width = utf8_length(str_of(inner_name(s->name[column])));
    size_t outer = utf8_length(outer_name(s->name[column]));
    width = outer > width ? outer : width;
    for (size_t r = 0; r < s->n_rows; r++) {
        format(text, series_at(s, r, column));
        if (strlen(text) > width)
            width = strlen(text);
    }
    return width;
}

static void print_constants(const struct series *s, const size_t *column, size_t n, struct buf *out)
{
    struct table t = {.align = "lr"};
    if (!n)
        return;
    for (size_t i = 0; i < n; i++) {
        char text[32];
        format(text, series_at(s, 0, column[i]));
        table_put(&t, "  %s", s->name[column[i]]);
        table_put(&t, "%s", text);
    }
    buf_puts(out, "the same at every step\n");
    table_print(&t, out);
    buf_putc(out, '\n');
    table_free(&t);
}

static void print_block(const struct series *s, const size_t *column, size_t n, struct buf *out)
{
    char *align = xmalloc(n + 1);
    memset(align, 'r', n);
    align[n] = 0;
    struct table t = {.align = align};
    bool nested = false;
    for (size_t i = 0; i < n; i++)
        nested |= outer_name(s->name[column[i]]).n > 0;
    for (size_t i = 0; i < n && nested; i++) {
        struct str outer = outer_name(s->name[column[i]]);
        bool again = i && str_eq(outer, outer_name(s->name[column[i - 1]]));
        table_put_str(&t, again ? STR("") : outer);
    }
    for (size_t i = 0; i < n; i++)
        table_put(&t, "%s", inner_name(s->name[column[i]]));
    for (size_t r = 0; r < s->n_rows; r++)
        for (size_t i = 0; i < n; i++) {
            char text[32];
            format(text, series_at(s, r, column[i]));
            table_put(&t, "%s", text);
        }
    table_print(&t, out);
    table_free(&t);
    free(align);
}

void series_print(const struct series *s, const char *const *wanted, size_t n_wanted, size_t width,
                  struct buf *out)
{
    size_t *column = xcalloc(s->n_columns + 2, sizeof *column), *constant, n = 0, n_constant = 0;
    size_t step = series_column(s, "step");
    constant = xcalloc(s->n_columns + 1, sizeof *constant);
    for (size_t c = 0; c < s->n_columns; c++) {
        if (c == step || !series_wants(s->name[c], wanted, n_wanted))
            continue;
        if (is_constant(s, c))
            constant[n_constant++] = c;
        else
            column[n++] = c;
    }
    print_constants(s, constant, n_constant, out);
    size_t *block = xcalloc(s->n_columns + 1, sizeof *block);
    for (size_t i = 0, first = 1; i < n || first; first = 0) {
        size_t k = 0, used = 0;
        if (step != SERIES_NONE) {
            block[k++] = step;
            used = width_of(s, step) + 2;
        }
        while (i < n && (k < 2 || used + width_of(s, column[i]) <= width)) {
            used += width_of(s, column[i]) + 2;
            block[k++] = column[i++];
        }
        if (!first)
            buf_putc(out, '\n');
        if (k)
            print_block(s, block, k, out);
    }
    free(block);
    free(constant);
    free(column);
}

/* ---- for machines ---- */

static void put_steps(const struct series *s, const char *const *wanted, size_t n_wanted,
                      struct buf *out)
{
    buf_putc(out, '[');
    for (size_t r = 0; r < s->n_rows; r++) {
        const char *comma = "";
        buf_puts(out, r ? ",{" : "{");
        for (size_t c = 0; c < s->n_columns; c++) {
            double v = series_at(s, r, c);
            if (isnan(v) || !series_wants(s->name[c], wanted, n_wanted))
                continue;
            buf_puts(out, comma);
            json_put_string(out, str_of(s->name[c]));
            buf_putc(out, ':');
            json_put_double(out, v);
            comma = ",";
        }
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

void series_put_json(const struct series *s, const struct str *files, size_t n,
                     const char *const *wanted, size_t n_wanted, struct buf *out)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < n; i++) {
        buf_puts(out, i ? ",{\"file\":" : "{\"file\":");
        json_put_string(out, files[i]);
        buf_puts(out, ",\"steps\":");
        put_steps(&s[i], wanted, n_wanted, out);
        buf_putc(out, '}');
    }
    buf_puts(out, "]\n");
}

/* The names of all series' columns, in order of appearance; the caller frees the array. */
static const char **all_columns(const struct series *s, size_t n, const char *const *wanted,
                                size_t n_wanted, size_t *n_names)
{
    size_t most = 0;
    for (size_t i = 0; i < n; i++)
        most += s[i].n_columns;
    const char **name = xcalloc(most + 1, sizeof *name);
    *n_names = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0, k; c < s[i].n_columns; c++) {
            for (k = 0; k < *n_names && strcmp(name[k], s[i].name[c]) != 0; k++)
                ;
            if (k == *n_names && series_wants(s[i].name[c], wanted, n_wanted))
                name[(*n_names)++] = s[i].name[c];
        }
    return name;
}

void series_print_csv(const struct series *s, const struct str *files, size_t n,
                      const char *const *wanted, size_t n_wanted, struct buf *out)
{
    struct table t = {0};
    size_t n_names;
    const char **name = all_columns(s, n, wanted, n_wanted, &n_names);
    if (n > 1)
        table_put(&t, "file");
    for (size_t k = 0; k < n_names; k++)
        table_put(&t, "%s", name[k]);
    size_t columns = t.n;
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < s[i].n_rows; r++) {
            if (n > 1)
                table_put_str(&t, files[i]);
            for (size_t k = 0; k < n_names; k++) {
                double v = series_at(&s[i], r, series_column(&s[i], name[k]));
                char text[NUM_MAX] = "";
                if (!isnan(v))
                    num_print_double(text, v);
                table_put(&t, "%s", text);
            }
        }
    if (columns)
        table_print_csv(&t, columns, out);
    table_free(&t);
    free(name);
}
