/* schedule.c - warm-up and decay. */
#include "rl/schedule.h"

#include <math.h>

double schedule_rate(const struct schedule *s, uint64_t step)
{
    if (step < s->warmup)
        return s->peak * ((double)step + 1) / (double)s->warmup;
    if (s->decay == DECAY_NONE || s->horizon <= s->warmup)
        return s->peak;
    double done = (double)(step - s->warmup) / (double)(s->horizon - s->warmup);
    done = done > 1 ? 1 : done;
    const double pi = 3.14159265358979323846;
    double left = s->decay == DECAY_LINEAR ? 1 - done : (1 + cos(pi * done)) / 2;
    return s->peak * (s->floor + (1 - s->floor) * left);
}
