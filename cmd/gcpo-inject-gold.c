/* gcpo-inject-gold - where every response of a group is wrong, one becomes the gold. */
#include "base/log.h"
#include "task/inject.h"

#include <string.h>

static int index_of(const char *const *names, const char *name)
{
    int i = 0;
    while (strcmp(names[i], name) != 0)
        i++;
    return i;
}

static void report(const struct inject_counts *c)
{
    log_info("%llu groups, %llu all wrong (%llu of them with every response cut off by the length "
             "limit)",
             (unsigned long long)c->groups, (unsigned long long)c->all_wrong,
             (unsigned long long)c->all_truncated);
    for (int f = 0; f < N_FATES; f++)
        if (c->fates[f])
            log_info("golds %s: %llu groups", gold_fate_name((enum gold_fate)f),
                     (unsigned long long)c->fates[f]);
}

int main(int argc, char **argv)
{
    struct inject_options o = {0};
    struct filter f = {.io.threads = 1};
    const char *when = "all-wrong", *replace = "last", *think = "require";
    const struct opt opts[] = {
        OPT_HEADING("Injection"),
        OPT_MODEL(&o.model),
        OPT_CHOICE(0, "when", &when, inject_when_names, "which groups get their gold"),
        OPT_CHOICE(0, "replace", &replace, inject_replace_names, "which response gives way"),
        OPT_NEUTRAL(0, "gold", "FILE", &o.gold_file,
                    "take golds by id from FILE instead of the records' own"),
        OPT_NEUTRAL(0, "missing", "FILE", &o.missing_file,
                    "write the ids that needed a gold and had no usable one"),
        OPT_CHOICE(0, "gold-think", &think, inject_think_names,
                   "a gold without </think> where the prompt opens a thought"),
        OPT_SWITCH(0, "allow-bare-gold", &o.allow_bare,
                   "accept golds that are nothing but the answer"),
        OPT_SWITCH(0, "undo", &o.undo, "put the displaced responses back"),
        PROMPTER_OPTIONS(&o.prompter),
        FILTER_OPTIONS(&f.io),
        OPT_END,
    };
    const struct opt_spec spec = {
        "[groups ...]", "put the golden solution into groups whose responses are all wrong", opts,
        .footer = "A gold must be judged first: pipe groups through gcpo-verify."};
    char **files = opt_parse(argc, argv, &spec);
    o.when = (enum inject_when)index_of(inject_when_names, when);
    o.replace = (enum inject_replace)index_of(inject_replace_names, replace);
    o.think = (enum inject_think)index_of(inject_think_names, think);
    f.opts = opts;

    struct err e = ERR_NONE;
    struct inject_counts counts;
    if (inject_run(&o, &f, files, &counts, &e))
        report(&counts);
    return err_report(&e);
}
