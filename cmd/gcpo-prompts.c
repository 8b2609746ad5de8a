/* gcpo-prompts - the prompts of one training step, drawn epoch by epoch. */
#include "base/log.h"
#include "task/prompts.h"

#include <string.h>

int main(int argc, char **argv)
{
    struct prompts_options o = {.step = 1, .n = 32};
    const struct opt opts[] = {
        OPT_HEADING("Choice"),
        OPT_COUNT('k', "step", "K", &o.step, 1, 1000000000, "the step, from 1"),
        OPT_COUNT(0, "prompts", "N", &o.n, 1, 10000000, "prompts per step"),
        OPT_COUNT('s', "seed", "SEED", &o.seed, 0, UINT64_MAX, "seed of the order"),
        OPT_HEADING("Input and output"),
        OPT_OUTPUT(&o.out),
        OPT_PLAIN(&o.plain),
        OPT_END,
    };
    const struct opt_spec spec = {"prompts ...", "the prompts of one training step", opts,
                                  .footer = "Files only: they are read twice."};
    char **files = opt_parse(argc, argv, &spec);
    if (!files[0])
        opt_misuse("which file are the prompts in?");
    for (char **f = files; *f; f++)
        if (strcmp(*f, "-") == 0)
            opt_misuse("standard input cannot be read twice");
    o.opts = opts;
    struct err e = ERR_NONE;
    (void)!prompts_run(&o, files, &e);
    return err_report(&e);
}
