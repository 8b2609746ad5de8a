/* adamw.c - the optimizer's pass and dot products over long vectors. */
#include "compute/cpu/cpu.h"

#include <math.h>

enum { GRAIN = 1 << 14, DOT_BLOCK = 1 << 12 };

struct step {
    struct cpu *c;
    const struct adamw *a;
    struct adamw_step s;
};

static void step_range(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct step *j = arg;
    const struct adamw *a = j->a;
    j->c->k->adamw(&j->s, a->p + first, a->g + first, a->m + first, a->v + first, end - first);
}

/* b^n by squaring: the same bits everywhere. */
static double power(double b, uint64_t n)
{
    double p = 1;
    for (; n; n /= 2, b *= b)
        if (n % 2)
            p *= b;
    return p;
}

void cpu_adamw(struct backend *b, const struct adamw *a)
{
    double bc1 = 1 - power(a->beta1, a->step), bc2 = 1 - power(a->beta2, a->step);
    struct step j = {cpu_of(b),
                     a,
                     {.grad_scale = (float)a->grad_scale,
                      .keep = (float)(1 - a->lr * a->weight_decay),
                      .c1 = (float)(1 - a->beta1),
                      .b2 = (float)a->beta2,
                      .c2 = (float)(1 - a->beta2),
                      .rate = (float)(a->lr / bc1),
                      .root = (float)(1 / sqrt(bc2)),
                      .eps = (float)a->eps,
                      .zero_grad = a->zero_grad}};
    cpu_each(j.c, a->n, GRAIN, step_range, &j);
}

struct dots {
    struct cpu *c;
    const float *x, *y;
    size_t n, first;
    double *sums;
};

static void dot_blocks(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct dots *d = arg;
    for (size_t i = first; i < end; i++) {
        size_t at = (d->first + i) * DOT_BLOCK, n = d->n - at < DOT_BLOCK ? d->n - at : DOT_BLOCK;
        d->sums[i] = d->c->k->dot(d->x + at, d->y + at, n);
    }
}

double cpu_dot(struct backend *b, const float *x, const float *y, size_t n)
{
    enum { AT_ONCE = 512 }; /* blocks of one round */
    double sums[AT_ONCE], total = 0;
    struct dots d = {cpu_of(b), x, y, n, 0, sums};
    size_t blocks = (n + DOT_BLOCK - 1) / DOT_BLOCK;
    for (; d.first < blocks; d.first += AT_ONCE) {
        size_t round = blocks - d.first < AT_ONCE ? blocks - d.first : AT_ONCE;
        cpu_each(d.c, round, 8, dot_blocks, &d);
        for (size_t i = 0; i < round; i++)
            total += sums[i];
    }
    return total;
}
