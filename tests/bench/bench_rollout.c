/* bench_rollout.c - rollouts of random models, beside the limits of this machine.
 *
 *     bench_rollout [-j N] [--rounds N] [--model DIR] [--bf16] [--json] [MODEL:GROUPSxSAMPLES:PROMPT+RESPONSE ...]
 *
 * MODEL is tiny (0.8 M parameters), small (14 M), qwen0.5b (494 M) or qwen1.5b, with
 * weights of bf16; nothing ends before its last token.  Medians.  "rollout" is response tokens a second
 * of all, "prefill" prompt tokens a second until the first step has ended, "decode" response tokens
 * from then on; their share is of the peak of fused multiply-adds.  "weights" is what the decode steps read of weights, and its share
 * of the reading bandwidth.  Peak memory is the process's, so ask for one shape to see it. */
#define _DEFAULT_SOURCE
#include "base/mem.h"
#include "base/opt.h"
#include "base/rng.h"
#include "compute/ops.h"

#include "bench_model.h"

#include <sys/resource.h>
#include <sys/wait.h>

enum { ROUNDS_MAX = 25 };

static const char *const usual[] = {
    "tiny:8x8:64+64",  "tiny:8x8:256+256", "small:1x8:64+64",  "small:4x8:64+64",
    "small:8x8:64+64", "small:4x8:256+64", "small:1x1:64+128", NULL};

struct bench {
    struct engine_options o;
    uint64_t rounds;
    const char *model;
    bool json;
    double peak, bandwidth; /* flop/s, byte/s */
};

static double now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

static double weight_bytes(const struct shape *s)
{
    double d = s->hidden, kv = KV_HEADS * d / s->heads;
    return 2 * (s->layers * (2 * d * d + 2 * d * kv + 3 * d * s->ff) + d * s->vocab);
}

/* ---- one rollout ---- */

struct work {
    const struct shape *s;
    size_t groups, samples, prompt, response;
    size_t next;
    int32_t *prompts;
    double began;   /* the first decode step had ended */
    uint64_t drawn; /* tokens by then */
    double flops;   /* and what had been computed */
};

static bool next_group(void *arg, struct gen_request *r, struct err *e)
{
    struct work *w = arg;
    (void)e;
    if (w->next == w->groups)
        return false;
    *r = (struct gen_request){.prompt = w->prompts + w->next * w->prompt,
                              .n_prompt = w->prompt,
                              .n_samples = w->samples,
                              .key = w->next,
                              .max_tokens = w->response};
    w->next++;
    return true;
}

static bool group_done(void *arg, const struct gen_group *g, struct err *e)
{
    (void)arg, (void)g, (void)e;
    return true;
}

static void step_done(void *arg, const struct gen_stats *s)
{
    struct work *w = arg;
    if (w->began == 0) {
        w->began = now();
        w->drawn = s->tokens;
        w->flops = s->flops;
    }
}

struct figures {
    double all, prefill, decode, steps;        /* a second */
    double flops, prefill_flops, decode_flops; /* likewise */
};

static struct figures roll_out(struct engine *g, struct work *w)
{
    struct err e = ERR_NONE;
    struct gen_options o = {.temperature = 1, .top_p = 1, .batch = w->groups * w->samples};
    struct gen_callbacks c = {next_group, group_done, step_done, w};
    struct gen_stats stats;
    w->next = 0;
    w->began = 0;
    double start = now();
    check(engine_generate(g, &o, &c, &stats, &e), &e);
    double end = now(), all = end - start, decode = end - w->began;
    double prefill = w->began - start;
    return (struct figures){.all = (double)stats.tokens / all,
                            .prefill = (double)stats.prompt_tokens / prefill,
                            .decode = (double)(stats.tokens - w->drawn) / decode,
                            .steps = (double)(stats.steps - 1) / decode,
                            .flops = stats.flops / all,
                            .prefill_flops = w->flops / prefill,
                            .decode_flops = (stats.flops - w->flops) / decode};
}

/* ---- rows of the table ---- */

static void row(const struct bench *x, const char *what, const char *shape, double value,
                const char *unit, double rate, double limit)
{
    if (x->json)
        printf("{\"what\":\"%s\",\"shape\":\"%s\",\"%s\":%.5g,\"share\":%.4f}\n", what, shape, unit,
               value, rate / limit);
    else
        printf("%-26s %-24s %8.1f %-8s %5.1f %%\n", what, shape, value, unit, 100 * rate / limit);
    fflush(stdout);
}

static int by_all(const void *a, const void *b)
{
    const struct figures *x = a, *y = b;
    return (x->all > y->all) - (x->all < y->all);
}

static void measure(const struct bench *x, const char *text)
{
    struct work w = {.s = NULL};
    char name[32], scratch[] = "/tmp/gcpo-bench-XXXXXX";
    const char *dir = x->model ? x->model : scratch;
    if (sscanf(text, "%31[^:]:%zux%zu:%zu+%zu", name, &w.groups, &w.samples, &w.prompt,
               &w.response) == 5)
        w.s = shape_named(name);
    if (!w.s || !w.groups || !w.samples || !w.prompt || w.response < 3)
        opt_misuse("what is %s? (MODEL:GROUPSxSAMPLES:PROMPT+RESPONSE, 3 tokens or more)", text);
    if (!x->model && !mkdtemp(scratch))
        exit(ERR_SYSTEM);
    if (!x->model || mkdir(dir, 0777) == 0)
        make_model(w.s, "bf16", dir);
    struct err e = ERR_NONE;
    struct engine *g = engine_open(dir, &x->o, &e);
    if (!x->model)
        remove_model(dir);
    check(g != NULL, &e);
    w.prompts = xmalloc(w.groups * w.prompt * sizeof *w.prompts);
    for (size_t i = 0; i < w.groups * w.prompt; i++)
        w.prompts[i] = (int32_t)(rng_u64(1, 7, (uint32_t)i, 0) % (uint64_t)w.s->vocab);
    struct figures f[ROUNDS_MAX];
    for (size_t i = 0; i < x->rounds; i++)
        f[i] = roll_out(g, &w);
    qsort(f, x->rounds, sizeof *f, by_all);
    struct figures m = f[x->rounds / 2];
    row(x, "rollout", text, m.all, "tok/s", m.flops, x->peak);
    row(x, "prefill", text, m.prefill, "tok/s", m.prefill_flops, x->peak);
    row(x, "decode", text, m.decode, "tok/s", m.decode_flops, x->peak);
    double read = m.steps * weight_bytes(w.s);
    row(x, "weights", text, read / 1e9, "gbytes", read, x->bandwidth);
    engine_close(g);
    free(w.prompts);
}

/* ---- limits ---- */

static double bandwidth_of(struct backend *b)
{
    enum { FLOATS = 32 << 20 };
    struct err e = ERR_NONE;
    float *p = b->op->alloc(b, 2 * (size_t)FLOATS * sizeof *p, &e);
    check(p != NULL, &e);
    float *ones = xmalloc(2 * (size_t)FLOATS * sizeof *ones);
    for (size_t i = 0; i < 2 * (size_t)FLOATS; i++)
        ones[i] = 1;
    b->op->upload(b, p, ones, 2 * (size_t)FLOATS * sizeof *ones);
    free(ones);
    double best = 0;
    for (int i = 0; i < 5; i++) {
        double start = now();
        b->op->dot(b, p, p + FLOATS, FLOATS);
        double rate = 2.0 * FLOATS * sizeof *p / (now() - start);
        best = rate > best ? rate : best;
    }
    b->op->free(b, p);
    return best;
}

static void measure_limits(struct bench *x)
{
    struct err e = ERR_NONE;
    struct backend *b = backend_open(
        &(struct backend_options){.threads = x->o.threads,
                                  .precision = x->o.precision == ENGINE_BF16 ? PRECISION_BF16
                                                                             : PRECISION_EXACT},
        &e);
    check(b != NULL, &e);
    x->peak = b->op->peak_flops(b);
    x->bandwidth = bandwidth_of(b);
    if (x->json)
        printf("{\"what\":\"limits\",\"device\":\"%s\",\"threads\":%zu,\"peak_gflops\":%.5g,"
               "\"read_gbytes\":%.4g}\n",
               b->name, x->o.threads, x->peak / 1e9, x->bandwidth / 1e9);
    else
        printf("%s, %zu threads: %.1f GFLOP/s at most, reading %.1f GB/s\n", b->name, x->o.threads,
               x->peak / 1e9, x->bandwidth / 1e9);
    backend_close(b);
}

/* In a process of its own, so that its buffers are not in our peak memory. */
static void measure_limits_apart(struct bench *x)
{
    int ends[2];
    double limits[2];
    pid_t child;
    if (pipe(ends) != 0 || (child = fork()) < 0) {
        perror("bench_rollout");
        exit(ERR_SYSTEM);
    }
    if (child == 0) {
        measure_limits(x);
        fflush(stdout);
        limits[0] = x->peak, limits[1] = x->bandwidth;
        _exit(write(ends[1], limits, sizeof limits) != (ssize_t)sizeof limits);
    }
    close(ends[1]);
    if (read(ends[0], limits, sizeof limits) != (ssize_t)sizeof limits)
        limits[0] = limits[1] = 0;
    close(ends[0]);
    waitpid(child, NULL, 0);
    if (limits[0] <= 0)
        exit(ERR_SYSTEM);
    x->peak = limits[0], x->bandwidth = limits[1];
}

int main(int argc, char **argv)
{
    struct bench x = {.rounds = 5};
    uint64_t threads = 2;
    bool bf16 = false;
    struct opt opts[] = {
        OPT_COUNT('j', "threads", "N", &threads, 1, 1024, "threads"),
        OPT_COUNT(0, "rounds", "N", &x.rounds, 1, ROUNDS_MAX, "to take the median of"),
        OPT_NEUTRAL('m', "model", "DIR", &x.model,
                    "a folder for the model: made if need be, and kept"),
        OPT_SWITCH(0, "bf16", &bf16, "products in bf16"),
        OPT_SWITCH(0, "json", &x.json, "one JSON object for each line"),
        OPT_END};
    char **shapes_asked =
        opt_parse(argc, argv,
                  &(struct opt_spec){.operands = "[MODEL:GROUPSxSAMPLES:PROMPT+RESPONSE ...]",
                                     .summary = "measure rollouts",
                                     .opts = opts});
    x.o.threads = (size_t)threads;
    x.o.precision = bf16 ? ENGINE_BF16 : ENGINE_EXACT;
    x.o.kv = ENGINE_KV_AUTO;
    measure_limits_apart(&x);
    for (const char *const *s = shapes_asked[0] ? (const char *const *)shapes_asked : usual; *s;
         s++)
        measure(&x, *s);
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        if (x.json)
            printf("{\"what\":\"memory\",\"peak_mbytes\":%.1f}\n", (double)usage.ru_maxrss / 1024);
        else
            printf("peak memory %.1f MB\n", (double)usage.ru_maxrss / 1024);
    }
    return 0;
}
