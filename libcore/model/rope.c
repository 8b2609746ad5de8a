/* rope.c - rotary positions under the scalings of transformers' modeling_rope_utils: how many
 * there are, and their frequencies in double. */
#include "model/config.h"

#include <math.h>

static double llama3(double f, const struct rope *r)
{
    const double pi = 3.14159265358979323846;
    double wavelength = 2 * pi / f;
    if (wavelength < r->original / r->high)
        return f;
    if (wavelength > r->original / r->low)
        return f / r->factor;
    double s = (r->original / wavelength - r->low) / (r->high - r->low);
    return (1 - s) * f / r->factor + s * f;
}

int32_t config_positions(const struct model_config *c)
{
    double n = c->context;
    if (c->rope.kind == ROPE_LINEAR)
        n *= c->rope.factor;
    else if (c->rope.kind == ROPE_YARN)
        n = fmax(n, c->rope.original * c->rope.factor);
    return n < INT32_MAX ? (int32_t)fmax(n, 1) : INT32_MAX;
}

/* The dimension whose wavelength fits `rotations` times into the original context. */
static double yarn_dim(double rotations, const struct rope *r, double dim)
{
    const double pi = 3.14159265358979323846;
    return dim * log(r->original / (rotations * 2 * pi)) / (2 * log(r->theta));
}

double rope_frequencies(const struct model_config *c, double *frequency)
{
    const struct rope *r = &c->rope;
    double dim = c->head_dim, low = 0, high = 0;
    if (r->kind == ROPE_YARN) {
        low = yarn_dim(r->beta_fast, r, dim), high = yarn_dim(r->beta_slow, r, dim);
        if (r->truncate)
            low = floor(low), high = ceil(high);
        low = fmax(low, 0), high = fmin(high, dim - 1);
        if (low == high)
            high += 0.001;
    }
    for (int i = 0; i < c->head_dim / 2; i++) {
        double f = pow(r->theta, -2.0 * i / dim);
        switch (r->kind) {
        case ROPE_DEFAULT: break;
        case ROPE_LINEAR: f /= r->factor; break;
        case ROPE_LLAMA3: f = llama3(f, r); break;
        case ROPE_YARN: {
            double ramp = fmin(fmax((i - low) / (high - low), 0), 1);
            f = f / r->factor * ramp + f * (1 - ramp);
        } break;
        }
        frequency[i] = f;
    }
    return r->kind == ROPE_YARN ? r->attention : 1;
}
