/* gcpo-stat - what is in these streams, and how did the run go? */
#include "base/log.h"
#include "base/opt.h"
#include "task/stat.h"

int main(int argc, char **argv)
{
    struct stat_options o = {.threads = 1, .bootstrap = 1000, .confidence = 0.95};
    const struct opt opts[] = {
        OPT_HEADING("What is shown"),
        OPT_STRING(0, "by", "FIELD", &o.by,
                   "a line for each value of FIELD (a member of the record)"),
        OPT_SWITCH(0, "by-file", &o.by_file, "a line for each file"),
        OPT_LIST(0, "field", "NAME", &o.fields,
                 "also average the member NAME of responses; of metrics, show only NAME "
                 "(may be repeated)"),
        OPT_SWITCH(0, "pair", &o.pair,
                   "compare two files on the prompts that are in both: is the second better?"),
        OPT_SWITCH(0, "per-id", &o.per_id, "a line for each group: its prompt before and now"),
        OPT_HEADING("Intervals"),
        OPT_COUNT(0, "bootstrap", "N", &o.bootstrap, 0, 100000, "bootstrap samples"),
        OPT_REAL(0, "confidence", "P", &o.confidence, 0.5, 0.9999, "confidence of the intervals"),
        OPT_COUNT('s', "seed", "N", &o.seed, 0, UINT64_MAX, "seed of the bootstrap"),
        OPT_HEADING("Input and output"),
        OPT_SWITCH(0, "json", &o.json, "print JSON"),
        OPT_SWITCH(0, "csv", &o.csv, "print CSV"),
        OPT_OUTPUT(&o.out),
        OPT_THREADS(&o.threads),
        OPT_END};
    o.opts = opts;
    char **files = opt_parse(argc, argv,
                             &(struct opt_spec){"[streams or metrics ...]",
                                                "count contrast, accuracy, lengths and golds", opts,
                                                NULL, NULL});
    if (o.json && o.csv)
        opt_misuse("--json and --csv exclude each other");
    if ((o.by != NULL) + o.by_file + o.pair + o.per_id > 1)
        opt_misuse("--by, --by-file, --pair and --per-id exclude each other");
    if (o.pair && (!files[0] || !files[1] || files[2]))
        opt_misuse("--pair wants two files");
    struct err e = ERR_NONE;
    bool ok = stat_run(&o, files, &e);
    (void)ok;
    return err_report(&e);
}
