/* gcpo-stat - what is in these streams, and how did the run go? */
#include "base/log.h"
#include "base/num.h"
#include "base/opt.h"
#include "rl/objective.h"
#include "task/stat.h"

#include <string.h>

static void choose_round(struct stat_options *o, const char *round)
{
    o->every_round = round && strcmp(round, "all") == 0;
    o->one_round = round && !o->every_round;
    if (o->one_round && !num_parse_u64(str_of(round), &o->round))
        opt_misuse("--round is '%s' (expected a number, or all)", round);
    if (!o->explain && round)
        opt_misuse("--round goes with --explain");
}

int main(int argc, char **argv)
{
    struct stat_options o = {.threads = 1, .bootstrap = 1000, .confidence = 0.95};
    const char *round = NULL, *algo = "gcpo";
    bool has_algo = false;
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
        OPT_STRING(0, "explain", "ID", &o.explain,
                   "one group with every number; the new log-probabilities are its "
                   "ref_logprobs (gcpo-score -m NEXT --as ref_logprobs)"),
        OPT_STRING(0, "round", "N", &round, "of several groups with that id: round N, or all"),
        {.kind = OPT_KIND_CHOICE,
         .name = "algo",
         .metavar = "NAME",
         .value = &algo,
         .choices = preset_names(),
         .help = "preset whose clip ranges and weights --explain shows",
         .seen = &has_algo},
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
    if ((o.by != NULL) + o.by_file + o.pair + o.per_id + (o.explain != NULL) > 1)
        opt_misuse("--by, --by-file, --pair, --per-id and --explain exclude each other");
    if (o.explain && o.csv)
        opt_misuse("--explain prints no CSV");
    if (!o.explain && has_algo)
        opt_misuse("--algo goes with --explain");
    choose_round(&o, round);
    o.algo = preset_find(str_of(algo));
    if (o.pair && (!files[0] || !files[1] || files[2]))
        opt_misuse("--pair wants two files");
    struct err e = ERR_NONE;
    bool ok = stat_run(&o, files, &e);
    (void)ok;
    return err_report(&e);
}
