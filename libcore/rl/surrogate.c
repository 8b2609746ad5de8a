/* surrogate.c - the registry, and the clipped surrogate that several files share. */
#include "rl/surrogate.h"

#define X(symbol, name) extern const struct surrogate surrogate_##symbol;
#include "rl/surrogate.list"
#undef X

static const struct surrogate *const list[] = {
#define X(symbol, name) &surrogate_##symbol,
#include "rl/surrogate.list"
#undef X
    NULL};

static const char *const names[] = {
#define X(symbol, name) name,
#include "rl/surrogate.list"
#undef X
    NULL};

const struct surrogate *const *surrogates(void)
{
    return list;
}

const char *const *surrogate_names(void)
{
    return names;
}

const struct surrogate *surrogate_find(struct str name)
{
    for (size_t i = 0; list[i]; i++)
        if (str_is(name, list[i]->name))
            return list[i];
    return NULL;
}

/* On a bound exactly the gradient is whole: both branches agree there. */
struct surrogate_value surrogate_clipped(const struct loss_options *o, const struct clip_range *c,
                                         const struct surrogate_point *p)
{
    double a = p->advantage, rho = p->rho;
    bool capped = o->ratio_cap > 0 && rho > o->ratio_cap;
    double open = capped ? o->ratio_cap : rho;
    struct surrogate_value v = {.loss = -a * open, .by_rho = capped ? 0 : -a};
    double low = 1 - c->low, high = 1 + c->high;
    if (c->on && a > 0 && rho > high && -a * high > v.loss)
        v = (struct surrogate_value){.loss = -a * high, .clipped = CLIP_HIGH};
    else if (c->on && a < 0 && rho < low && -a * low > v.loss)
        v = (struct surrogate_value){.loss = -a * low, .clipped = CLIP_LOW};
    if (o->dual_clip > 0 && a < 0 && v.loss > -a * o->dual_clip)
        v = (struct surrogate_value){.loss = -a * o->dual_clip, .clipped = CLIP_DUAL};
    return v;
}
