/* gcpo-rollout - prompts to groups of sampled responses, with token ids and log-probabilities. */
#include "base/log.h"
#include "task/rollout.h"

#include <stdio.h>

static void version(void)
{
    printf("%s\n", engine_devices());
}

int main(int argc, char **argv)
{
    static struct rollout_options o = {
        /* static: lists live as long as the program */
        .n = 8,
        .max_tokens = 1024,
        .gen = {.temperature = 1, .top_p = 1, .repetition_penalty = 1}};
    uint64_t top_k = 0, batch = 0, threads = 0;
    const char *precision = NULL, *kv = NULL;
    const struct opt opts[] = {
        OPT_HEADING("Sampling"),
        OPT_MODEL(&o.model),
        OPT_COUNT('n', "group-size", "N", &o.n, 0, RECORD_RESPONSES_MAX,
                  "responses per prompt; 0: prompts are only rendered"),
        {.kind = OPT_KIND_COUNT,
         .name = "max-tokens",
         .metavar = "N",
         .value = &o.max_tokens,
         .min = 1,
         .max = ENGINE_POSITIONS_MAX - 1,
         .seen = &o.max_tokens_given,
         .help = "tokens per response, at most; the default gives way to the context"},
        OPT_REAL(0, "temperature", "X", &o.gen.temperature, 0, 100, "0: the most likely token"),
        OPT_REAL(0, "top-p", "X", &o.gen.top_p, 1e-6, 1, "probability that is sampled from"),
        OPT_COUNT(0, "top-k", "N", &top_k, 0, INT32_MAX, "tokens that are sampled from; 0: all"),
        OPT_REAL(0, "min-p", "X", &o.gen.min_p, 0, 1, "drop tokens below this share of the best"),
        OPT_REAL(0, "repetition-penalty", "X", &o.gen.repetition_penalty, 0.01, 100, "1: none"),
        OPT_LIST(0, "stop", "TOKEN", &o.stop, "one more token that ends a response"),
        OPT_COUNT('s', "seed", "SEED", &o.gen.seed, 0, UINT64_MAX, "seed of the draws"),
        {.kind = OPT_KIND_COUNT,
         .name = "round",
         .metavar = "K",
         .value = &o.round,
         .max = UINT32_MAX,
         .seen = &o.round_given,
         .help = "another round draws anew; default: the record's"},
        OPT_COUNT(0, "first-sample", "N", &o.first_sample, 0, UINT32_MAX / 2,
                  "number of the first response: more samples of the same prompt"),
        PROMPTER_OPTIONS(&o.prompter),
        OPT_HEADING("Machine"),
        {.kind = OPT_KIND_COUNT,
         .name = "batch",
         .metavar = "N",
         .value = &batch,
         .max = 1 << 20,
         .neutral = true,
         .help = "responses sampled at once; 0: as many as pay"},
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
        OPT_OUTPUT(&o.out),
        OPT_PLAIN(&o.plain),
        OPT_REJECT(&o.reject),
        OPT_NEUTRAL(0, "metrics", "FILE", &o.metrics, "totals, as one line of JSON"),
        OPT_NEUTRAL(0, "timing", "FILE", &o.timing, "wall-clock figures, as one line of JSON"),
        OPT_END,
    };
    const struct opt_spec spec = {
        "[prompts ...]", "sample groups of responses to prompts", opts,
        .footer = "With -o, a run that was killed goes on behind its last whole group.",
        .version = version};
    char **files = opt_parse(argc, argv, &spec);
    if (!o.model)
        opt_misuse("which model? (-m DIR)");
    o.gen.top_k = (int32_t)top_k;
    o.gen.batch = (size_t)batch;
    o.engine.threads = (size_t)threads;
    o.engine.precision = engine_precision_of(precision);
    o.engine.kv = engine_kv_of(kv);
    o.opts = opts;

    struct err e = ERR_NONE;
    struct rollout_counts c;
    if (rollout_run(&o, files, &c, &e))
        log_info("%llu groups, %llu responses, %llu of them stopped, %llu tokens",
                 (unsigned long long)c.groups, (unsigned long long)c.responses,
                 (unsigned long long)c.stopped, (unsigned long long)c.tokens);
    return err_report(&e);
}
