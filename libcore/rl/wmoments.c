/* wmoments.c - weighted moments. */
#include "rl/wmoments.h"

void wmoments_add(struct wmoments *m, double x, double weight)
{
    if (weight == 0)
        return;
    if (!m->any || x < m->min)
        m->min = x;
    if (!m->any || x > m->max)
        m->max = x;
    m->any = true;
    m->weight += weight;
    /* Products with their rounding errors, so that the order of the values does not show. */
    double wx = weight * x, wx_lo = fma(weight, x, -wx);
    sum_add(&m->x, wx);
    sum_add(&m->x, wx_lo);
    double wxx = wx * x;
    sum_add(&m->xx, wxx);
    sum_add(&m->xx, fma(wx, x, -wxx) + wx_lo * x);
}

double wmoments_mean(const struct wmoments *m)
{
    if (!m->any)
        return 0;
    return m->min == m->max ? m->min : sum_value(&m->x) / m->weight;
}

double wmoments_variance(const struct wmoments *m, bool biased)
{
    double count = m->weight - (biased ? 0 : 1);
    if (!m->any || m->min == m->max || count <= 0)
        return 0;
    /* xx - x^2/n cancels when the mean is far from 0: the extra digits are kept. */
    long double x = (long double)m->x.hi + (long double)m->x.lo;
    long double xx = (long double)m->xx.hi + (long double)m->xx.lo;
    long double v = (xx - x * x / (long double)m->weight) / (long double)count;
    return v > 0 ? (double)v : 0;
}
