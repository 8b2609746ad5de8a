/* gcpo-report - what happened in these runs, as one HTML file. */
#include "base/log.h"
#include "task/report.h"

int main(int argc, char **argv)
{
    struct report_options o = {.groups = 64};
    const struct opt opts[] = {
        OPT_HEADING("Report"),
        OPT_STRING(0, "svg", "NAME", &o.svg,
                   "only the curve NAME, as SVG: mean, pass, contrast, ratio, ..."),
        OPT_COUNT(0, "groups", "N", &o.groups, 0, 4096, "show N groups of each run"),
        OPT_COUNT('s', "seed", "N", &o.seed, 0, UINT64_MAX, "the seed of their choice"),
        OPT_NEUTRAL('m', "model", "DIR", &o.model,
                    "shade tokens as this model's tokenizer spells them (default: MODEL of "
                    "params.mk)"),
        OPT_OUTPUT(&o.out),
        OPT_END};
    const struct opt_spec spec = {"run ...", "show training runs as one HTML file", opts, NULL,
                                  NULL};
    char **runs = opt_parse(argc, argv, &spec);
    o.opts = opts;
    if (!runs[0])
        opt_misuse("give the folder of a run");
    struct err e = ERR_NONE;
    bool ok = report_run(&o, runs, &e);
    (void)ok;
    return err_report(&e);
}
