/* gcpo-model - looking at model directories, comparing and making them. */
#include "base/log.h"
#include "task/modeldir.h"

#include <string.h>

/* Everything that the options set. */
static struct {
    struct modeldir_info_options info;
    struct modeldir_diff_options diff;
    struct modeldir_encode_options encode;
    struct modeldir_decode_options decode;
    struct modeldir_init_options init;
    const char *out;
    bool json, plan;
    uint64_t steps, prompts;
    uint64_t layers, heads, kv_heads, head_dim, hidden, ff, context;
} a = {
    .info = {.samples = 8, .max_tokens = 1024},
    .init = {.max_shard_bytes = (uint64_t)5 << 30,
             .init = {.family = "qwen2",
                      .dtype = "f32",
                      .tied = true,
                      .rope_theta = 1e6,
                      .norm_eps = 1e-6,
                      .std_embed = 0.02,
                      .std_in = 0.02}},
    .prompts = 32,
    .layers = 2,
    .heads = 4,
    .kv_heads = 2,
    .head_dim = 16,
    .hidden = 64,
    .ff = 192,
    .context = 4096,
};

static const char *const families[] = {"qwen2", "qwen3", "llama", NULL};
static const char *const dtypes[] = {"f32", "bf16", NULL};

static void want_operands(char **operands, size_t min, size_t max, const char *usage)
{
    size_t n = 0;
    while (operands[n])
        n++;
    if (n < min || n > max)
        opt_misuse("usage: gcpo-model %s", usage);
}

static int run_info(char **operands, struct err *e)
{
    want_operands(operands, 1, 1, "info DIR");
    a.info.out = a.out;
    a.info.json = a.json;
    if (a.plan) {
        struct modeldir_plan_options o = {.out = a.out,
                                          .json = a.json,
                                          .steps = a.steps,
                                          .prompts = a.prompts,
                                          .samples = a.info.samples,
                                          .max_tokens = a.info.max_tokens};
        return modeldir_plan(operands[0], &o, e) ? 0 : e->status;
    }
    return modeldir_info(operands[0], &a.info, e) ? 0 : e->status;
}

static int run_diff(char **operands, struct err *e)
{
    bool differ = false;
    want_operands(operands, 2, 2, "diff DIR DIR");
    a.diff.out = a.out;
    a.diff.json = a.json;
    if (!modeldir_diff(operands[0], operands[1], &a.diff, &differ, e))
        return e->status;
    return differ ? ST_NO : 0;
}

static int run_encode(char **operands, struct err *e)
{
    want_operands(operands, 1, SIZE_MAX, "encode DIR [files ...]");
    a.encode.out = a.out;
    return modeldir_encode(operands[0], operands + 1, &a.encode, e) ? 0 : e->status;
}

static int run_decode(char **operands, struct err *e)
{
    want_operands(operands, 1, SIZE_MAX, "decode DIR [files ...]");
    a.decode.out = a.out;
    a.decode.records = a.encode.records;
    return modeldir_decode(operands[0], operands + 1, &a.decode, e) ? 0 : e->status;
}

static int run_init(char **operands, struct err *e)
{
    want_operands(operands, 0, 0, "init --vocab-from FILE -o DIR");
    if (!a.init.tokenizer)
        opt_misuse("init wants a tokenizer (--vocab-from)");
    if (!a.out)
        opt_misuse("init wants a directory to make (-o DIR)");
    struct engine_init *i = &a.init.init;
    a.init.out = a.out;
    i->n_layers = (int32_t)a.layers;
    i->n_heads = (int32_t)a.heads;
    i->n_kv_heads = (int32_t)a.kv_heads;
    i->head_dim = (int32_t)a.head_dim;
    i->hidden = (int32_t)a.hidden;
    i->ff = (int32_t)a.ff;
    i->context = (int32_t)a.context;
    return modeldir_init(&a.init, e) ? 0 : e->status;
}

static const struct command {
    const char *name;
    int (*run)(char **operands, struct err *e);
} commands[] = {
    {"info", run_info},     {"diff", run_diff}, {"encode", run_encode},
    {"decode", run_decode}, {"init", run_init},
};

int main(int argc, char **argv)
{
    struct engine_init *i = &a.init.init;
    const struct opt opts[] = {
        OPT_HEADING("info DIR"),
        OPT_SWITCH(0, "digest", &a.info.digest_only, "print the digest of config and weights only"),
        OPT_SWITCH(0, "plan", &a.plan, "what a training run will need: time, disk, memory"),
        OPT_COUNT(0, "steps", "N", &a.steps, 0, 1000000000, "steps of the run"),
        OPT_COUNT(0, "prompts", "N", &a.prompts, 1, 10000000, "prompts per step"),
        OPT_COUNT('n', "group-size", "N", &a.info.samples, 1, 65536, "responses per prompt"),
        OPT_COUNT(0, "max-tokens", "N", &a.info.max_tokens, 1, ENGINE_POSITIONS_MAX - 1,
                  "tokens per response"),
        OPT_HEADING("diff DIR DIR"),
        OPT_SWITCH(0, "all", &a.diff.all, "list equal tensors too"),
        OPT_HEADING("encode DIR [files ...]"),
        OPT_SWITCH(0, "wrap", &a.encode.wrap, "with the tokens that the tokenizer puts around"),
        OPT_SWITCH(
            0, "records", &a.encode.records,
            "read records; show what gcpo-rollout shows the model (decode: spell their ids out)"),
        PROMPTER_OPTIONS(&a.encode.prompter),
        OPT_HEADING("decode DIR [files ...]"),
        OPT_SWITCH(0, "skip-special", &a.decode.skip_special, "leave special tokens out"),
        OPT_HEADING("init --vocab-from FILE -o DIR"),
        OPT_STRING(0, "vocab-from", "FILE", &a.init.tokenizer,
                   "tokenizer.json, or a directory with one"),
        OPT_CHOICE(0, "family", &i->family, families, "kind of model"),
        OPT_CHOICE(0, "dtype", &i->dtype, dtypes, "how weights are stored"),
        OPT_COUNT(0, "layers", "N", &a.layers, 1, 100000, "layers"),
        OPT_COUNT(0, "hidden", "N", &a.hidden, 1, 1000000, "hidden size"),
        OPT_COUNT(0, "ff", "N", &a.ff, 1, 10000000, "feed-forward size"),
        OPT_COUNT(0, "heads", "N", &a.heads, 1, 100000, "attention heads"),
        OPT_COUNT(0, "kv-heads", "N", &a.kv_heads, 1, 100000, "key/value heads"),
        OPT_COUNT(0, "head-dim", "N", &a.head_dim, 2, 100000, "size of a head"),
        OPT_COUNT(0, "context", "N", &a.context, 1, 100000000, "positions it is meant for"),
        OPT_COUNT(0, "vocab-size", "N", &a.init.vocab_size, 0, 1 << 24,
                  "rows of the embedding; 0: the tokenizer's"),
        OPT_SWITCH(0, "tied", &i->tied, "head and embedding are one"),
        OPT_REAL(0, "rope-theta", "X", &i->rope_theta, 1, 1e12, "base of the rotary angles"),
        OPT_REAL(0, "norm-eps", "X", &i->norm_eps, 1e-12, 1, "epsilon of the norms"),
        OPT_REAL(0, "std-embed", "X", &i->std_embed, 0, 100, "deviation of the embedding"),
        OPT_REAL(0, "std-in", "X", &i->std_in, 0, 100, "of q, k, v, gate and up"),
        OPT_REAL(0, "std-out", "X", &i->std_out, 0, 100,
                 "of o and down; 0: std-in / sqrt(2 layers)"),
        OPT_LIST(0, "eos", "TOKEN", &a.init.eos, "a token that ends responses; may be repeated"),
        OPT_STRING(0, "bos", "TOKEN", &a.init.bos, "the token at the beginning"),
        OPT_COUNT('s', "seed", "SEED", &i->seed, 0, UINT64_MAX, "seed of the weights"),
        OPT_SIZE(0, "max-shard-size", "SIZE", &a.init.max_shard_bytes, 1 << 20, UINT64_MAX,
                 "begin a new file above it"),
        OPT_HEADING("Output"),
        OPT_NEUTRAL('o', "output", "FILE", &a.out, "write to FILE (init: a directory)"),
        OPT_SWITCH(0, "json", &a.json, "info, diff: as JSON"),
        OPT_END,
    };
    const struct opt_spec spec = {"info|diff|encode|decode|init ...",
                                  "look at model directories, compare and make them", opts,
                                  .footer = NULL};
    char **operands = opt_parse(argc, argv, &spec);
    struct err e = ERR_NONE;
    for (size_t k = 0; operands[0] && k < sizeof commands / sizeof *commands; k++)
        if (strcmp(operands[0], commands[k].name) == 0) {
            int status = commands[k].run(operands + 1, &e);
            return e.status ? err_report(&e) : status;
        }
    if (operands[0])
        opt_misuse("there is no command '%s' (info, diff, encode, decode, init)", operands[0]);
    opt_misuse("which command? (info, diff, encode, decode, init)");
}
