/* kl.c - KL estimates. */
#include "rl/kl.h"

#include <math.h>
#include <stddef.h>

static double k3(double x, double *by_n)
{
    bool outside = fabs(x) > KL_LOG_MAX;
    double c = outside ? copysign(KL_LOG_MAX, x) : x;
    double value = exp(c) - c - 1;
    outside = outside || value > KL_VALUE_MAX;
    *by_n = outside ? 0 : 1 - exp(c);
    return value > KL_VALUE_MAX ? KL_VALUE_MAX : value;
}

double kl_value(enum kl_kind kind, double n, double e, double *by_n)
{
    double value = 0, slope = 0, x = n - e;
    switch (kind) {
    case KL_OFF: break;
    case KL_K1:
        value = x;
        slope = 1;
        break;
    case KL_K2:
        value = x * x / 2;
        slope = x;
        break;
    case KL_K3: value = k3(-x, &slope); break;
    case KL_ABS:
        value = fabs(x);
        slope = x > 0 ? 1 : x < 0 ? -1 : 0;
        break;
    }
    if (by_n)
        *by_n = slope;
    return value;
}
