/* entropy.c - entropy of a softmax. */
#include "rl/entropy.h"

#include "rl/sum.h"

double entropy_of_logits(const double *z, size_t n, double *dz)
{
    if (n == 0)
        return 0;
    double top = z[0];
    for (size_t i = 1; i < n; i++)
        top = z[i] > top ? z[i] : top;
    struct sum total = {0}, h = {0};
    for (size_t i = 0; i < n; i++)
        sum_add(&total, exp(z[i] - top));
    double lse = top + log(sum_value(&total));
    for (size_t i = 0; i < n; i++)
        sum_add(&h, -exp(z[i] - lse) * (z[i] - lse));
    double entropy = sum_value(&h);
    for (size_t i = 0; dz && i < n; i++)
        dz[i] = -exp(z[i] - lse) * (z[i] - lse + entropy);
    return entropy;
}
