/* num.c - see num.h.  The programs never call setlocale(), so the C locale's
 * decimal point is what strtod and printf use. */
#include "base/num.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool num_parse_u64(struct str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)(s.p[i] - '0');
        if (d > 9 || v > (UINT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *out = v;
    return true;
}

bool num_parse_i64(struct str s, int64_t *out)
{
    bool negative = s.n && s.p[0] == '-';
    uint64_t v;
    if (!num_parse_u64(negative ? str_slice(s, 1, s.n) : s, &v) || v > (uint64_t)INT64_MAX)
        return false;
    *out = negative ? -(int64_t)v : (int64_t)v;
    return true;
}

bool num_parse_double(struct str s, double *out)
{
    char text[400];
    if (s.n == 0 || s.n >= sizeof text)
        return false;
    for (size_t i = 0; i < s.n; i++) /* no blanks, hex, inf or nan */
        if (!strchr("0123456789+-.eE", s.p[i]) || !s.p[i])
            return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    char *end;
    double v = strtod(text, &end);
    if (end != text + s.n || !isfinite(v))
        return false;
    *out = v;
    return true;
}

bool num_parse_size(struct str s, uint64_t *out)
{
    static const struct {
        const char *suffix;
        double scale;
    } units[] = {
        {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}, {"KB", 0x1p10},
        {"MB", 0x1p20},  {"GB", 0x1p30},  {"TB", 0x1p40},  {"K", 0x1p10},   {"M", 0x1p20},
        {"G", 0x1p30},   {"T", 0x1p40},   {"B", 1},
    };
    double scale = 1, v;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (str_ends(s, str_of(units[i].suffix))) {
            scale = units[i].scale;
            s.n -= strlen(units[i].suffix);
            break;
        }
    if (!num_parse_double(s, &v) || v < 0 || v * scale >= 0x1p63)
        return false;
    *out = (uint64_t)(v * scale);
    return true;
}

/* Drops the exponent's leading zeros and plus sign: "1e-07" -> "1e-7". */
static size_t tidy(char *out)
{
    char *e = strchr(out, 'e');
    if (!e)
        return strlen(out);
    char *from = e + 1, *to = e + 1;
    if (*from == '-')
        *to++ = *from++;
    else if (*from == '+')
        from++;
    while (*from == '0' && from[1])
        from++;
    memmove(to, from, strlen(from) + 1);
    return strlen(out);
}

/* "%.6g" drops trailing zeros, so for normal numbers six digits are also the
 * shortest of everything below; subnormals have fewer significant digits. */
size_t num_print_float(char out[NUM_MAX], float v)
{
    for (int digits = fabsf(v) < FLT_MIN ? 1 : 6; digits <= 9; digits++) {
        snprintf(out, NUM_MAX, "%.*g", digits, (double)v);
        if (strtof(out, NULL) == v)
            break;
    }
    return tidy(out);
}

size_t num_print_double(char out[NUM_MAX], double v)
{
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(out, NUM_MAX, "%.*g", digits, v);
        if (strtod(out, NULL) == v)
            break;
    }
    return tidy(out);
}
