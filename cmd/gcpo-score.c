/* gcpo-score - log-probabilities of the responses in groups, under any model. */
#include "base/log.h"
#include "task/scoring.h"

#include <stdio.h>
#include <string.h>

static void version(void)
{
    printf("%s\n", engine_devices());
}

int main(int argc, char **argv)
{
    struct scoring_options o = {0};
    struct filter f = {0};
    uint64_t threads = 0;
    const char *as = scoring_as_names[SCORING_LOGPROBS], *precision = NULL, *kv = NULL;
    const struct opt opts[] = {
        OPT_HEADING("Scoring"),
        OPT_MODEL(&o.model),
        OPT_CHOICE(0, "as", &as, scoring_as_names, "the member that is written"),
        OPT_SWITCH(0, "missing", &o.missing, "only responses that have none yet"),
        OPT_HEADING("Machine"),
        OPT_THREADS(&threads),
        {.kind = OPT_KIND_SIZE,
         .name = "memory",
         .metavar = "SIZE",
         .value = &o.engine.memory_bytes,
         .max = UINT64_MAX,
         .neutral = true,
         .help = "bytes to use, weights included; 0: most of what the machine has"},
        OPT_DEVICE(&o.engine.device),
        OPT_CHOICE(0, "precision", &precision, engine_precision_names,
                   "of products; default: bf16 on a GPU, else exact"),
        OPT_CHOICE(0, "kv", &kv, engine_kv_names,
                   "of cached keys and values; default: bf16 with bf16 on a GPU, else f32"),
        OPT_HEADING("Input and output"),
        OPT_OUTPUT(&f.io.out),
        OPT_PLAIN(&f.io.plain),
        OPT_REJECT(&f.io.reject),
        OPT_END,
    };
    const struct opt_spec spec = {"[groups ...]", "log-probabilities of given responses", opts,
                                  .version = version};
    char **files = opt_parse(argc, argv, &spec);
    if (!o.model)
        opt_misuse("which model? (-m DIR)");
    o.as = strcmp(as, scoring_as_names[SCORING_LOGPROBS]) == 0 ? SCORING_LOGPROBS
                                                               : SCORING_REF_LOGPROBS;
    o.engine.threads = (size_t)threads;
    o.engine.precision = engine_precision_of(precision);
    o.engine.kv = engine_kv_of(kv);
    f.opts = opts;

    struct err e = ERR_NONE;
    struct scoring_counts c;
    if (scoring_run(&o, &f, files, &c, &e)) {
        log_info("%llu groups, %llu responses, %llu tokens, mean log-probability %.4f",
                 (unsigned long long)c.groups, (unsigned long long)c.responses,
                 (unsigned long long)c.tokens, c.tokens ? c.logprob / (double)c.tokens : 0);
        if (c.without)
            log_warn("%llu responses have no tokens and were left as they are",
                     (unsigned long long)c.without);
    }
    return err_report(&e);
}
