/* gcpo-advantage - rewards compared inside each group. */
#include "base/log.h"
#include "base/num.h"
#include "task/advantages.h"

#include <string.h>

static const char *const std_names[] = {"unbiased", "biased", NULL};
static const char *const gold_names[] = {"joint", "apart", NULL};
static const char *const single_names[] = {"zero", "reward", NULL};
static const char *const whiten_names[] = {"rule", "off", "rows", "tokens", NULL};
static const char *const keep_names[] = {"all", "contrast", NULL};

static unsigned long long ull(uint64_t v)
{
    return v;
}

static void report(const struct advantages_counts *c)
{
    log_info("%llu groups: %llu all wrong (%llu of them all cut off), %llu mixed, %llu all right, "
             "%llu unscorable, %llu not judged",
             ull(c->groups), ull(c->contrasts[CONTRAST_ALL_WRONG]), ull(c->all_truncated),
             ull(c->contrasts[CONTRAST_MIXED]), ull(c->contrasts[CONTRAST_ALL_RIGHT]),
             ull(c->contrasts[CONTRAST_UNSCORABLE]), ull(c->unjudged));
    log_info("%llu groups hold a gold; %llu without contrast%s", ull(c->injected), ull(c->flat),
             c->dropped ? ", not written" : "");
    for (int f = FATE_NO_GOLD; f < N_FATES; f++)
        if (c->rejected[f])
            log_info("golds %s: %llu groups", gold_fate_name((enum gold_fate)f),
                     ull(c->rejected[f]));
    static const char *const sources[] = {"policy", "gold"};
    for (int s = 0; s < 2; s++)
        if (c->rows[s])
            log_info("%s rows: %llu, advantages %+.6g and %+.6g", sources[s], ull(c->rows[s]),
                     sum_value(&c->plus[s]), sum_value(&c->minus[s]));
    if (c->unscorable)
        log_info("unscorable rows: %llu, out of everything", ull(c->unscorable));
}

static bool is(const char *value, const char *name)
{
    return strcmp(value, name) == 0;
}

static void set_whiten(struct advantage_options *o, const char *whiten)
{
    if (is(whiten, "rule"))
        return;
    if (o->whiten == ADV_WHITEN_OFF && !is(whiten, "off") && o->whiten_epsilon == 0) {
        o->whiten_root = ADV_VAR_PLUS;
        o->whiten_epsilon = 1e-8;
    }
    o->whiten = is(whiten, "off")    ? ADV_WHITEN_OFF
                : is(whiten, "rows") ? ADV_WHITEN_ROWS
                                     : ADV_WHITEN_TOKENS;
}

int main(int argc, char **argv)
{
    struct advantages_options o = {0};
    struct filter f = {.io.threads = 1};
    const char *rule = "grpo", *epsilon = NULL, *std = "unbiased", *gold = "joint";
    const char *single = "zero", *whiten = "rule", *keep = "all";
    const struct opt opts[] = {
        OPT_HEADING("Advantages"),
        OPT_CHOICE(0, "rule", &rule, advantage_names(), "how rewards are compared"),
        OPT_STRING(0, "epsilon", "X", &epsilon,
                   "added to the standard deviation; else the rule's own"),
        OPT_CHOICE(0, "std", &std, std_names, "divide squares by n - 1 or by n"),
        OPT_CHOICE(0, "gold-stats", &gold, gold_names, "whether golds count in mean and std"),
        OPT_CHOICE(0, "single", &single, single_names, "advantage of a lone scorable row"),
        OPT_CHOICE(0, "whiten", &whiten, whiten_names,
                   "rescale over the whole input, by rows or tokens"),
        OPT_HEADING("Groups without contrast"),
        OPT_CHOICE(0, "keep", &keep, keep_names, "which groups are written"),
        OPT_NEUTRAL(0, "dropped", "FILE", &o.dropped_file, "write their ids"),
        FILTER_OPTIONS(&f.io),
        OPT_END,
    };
    const struct opt_spec spec = {"[groups ...]", "compare the rewards of each group", opts,
                                  .footer = "Rules that rescale over the whole input read it "
                                            "twice, from a temporary copy if it is a pipe."};
    char **files = opt_parse(argc, argv, &spec);
    o.rule = advantage_find(str_of(rule));
    o.rl = o.rule->defaults;
    o.rl.biased = is(std, "biased");
    o.rl.gold_apart = is(gold, "apart");
    o.rl.single = is(single, "reward") ? ADV_SINGLE_REWARD : ADV_SINGLE_ZERO;
    o.keep_contrast = is(keep, "contrast");
    set_whiten(&o.rl, whiten);
    if (epsilon && o.rule->defaults.epsilon == 0)
        opt_misuse("--rule %s divides by no standard deviation: --epsilon has no effect", rule);
    if (epsilon && (!num_parse_double(str_of(epsilon), &o.rl.epsilon) || o.rl.epsilon < 0))
        opt_misuse("--epsilon wants a number that is not negative (seen '%s')", epsilon);
    f.opts = opts;

    struct err e = ERR_NONE;
    struct advantages_counts counts;
    if (advantages_run(&o, &f, files, &counts, &e))
        report(&counts);
    return err_report(&e);
}
