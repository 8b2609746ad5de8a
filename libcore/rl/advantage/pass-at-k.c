/* pass-at-k.c - only the best row of the group moves, by its lead over the second best. */
#include "rl/advantage.h"

static void group(const struct advantage_options *o, const struct advantage_row *rows, size_t n,
                  double *adv)
{
    struct advantage_spread s = advantage_spread(o, rows, n);
    size_t best = n, second = n;
    for (size_t i = 0; i < n; i++) {
        adv[i] = 0;
        if (!rows[i].scorable)
            continue;
        if (best == n || rows[i].reward > rows[best].reward) {
            second = best;
            best = i;
        } else if (second == n || rows[i].reward > rows[second].reward) {
            second = i;
        }
    }
    if (second < n)
        adv[best] = (rows[best].reward - rows[second].reward) / (s.std + o->epsilon);
}

const struct advantage_rule advantage_pass_at_k = {
    .name = "pass-at-k",
    .summary = "the best row: (r - second best r) / (std + eps); all others 0",
    .defaults = {.epsilon = 1e-6},
    .group = group,
};
