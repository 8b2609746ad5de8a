/* opo.c - the reward less the length-weighted mean of the group (arXiv 2505.23585). */
#include "rl/advantage.h"

static void group(const struct advantage_options *o, const struct advantage_row *rows, size_t n,
                  double *adv)
{
    struct sum weighted = {0}, lengths = {0};
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].scorable || (o->gold_apart && rows[i].gold))
            continue;
        sum_add(&weighted, rows[i].length * rows[i].reward);
        sum_add(&lengths, rows[i].length);
    }
    double total = sum_value(&lengths);
    bool lone = advantage_spread(o, rows, n).n < 2;
    double baseline = total > 0 && !lone ? sum_value(&weighted) / total : 0;
    for (size_t i = 0; i < n; i++)
        adv[i] = rows[i].reward - baseline;
}

const struct advantage_rule advantage_opo = {
    .name = "opo",
    .summary = "r - sum(length r) / sum(length) over the group",
    .lengths = true,
    .group = group,
};
