/* gcpo-update - one training step: the only writer of weights. */
#include "base/log.h"
#include "task/update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SWITCHES_MAX = 40 };

static const char *const decay_names[] = {"constant", "linear", "cosine", NULL};
static const char *const old_names[] = {"recorded", "recompute", NULL};
static const char *const shuffle_names[] = {"groups", "sequences", NULL};

struct arguments {
    struct update_options o;
    const char *algo, *decay, *old, *shuffle, *device;
    const char *switches[SWITCHES_MAX]; /* in the order of objective_switches(); NULL: not given */
    uint64_t threads, micro_tokens;
    bool decay_norms;
};

static struct arguments defaults(void)
{
    return (struct arguments){
        .o = {.schedule = {.peak = 1e-6},
              .trainer = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .max_grad_norm = 1},
              .minibatches = 1,
              .epochs = 1,
              .max_shard_bytes = (uint64_t)5 << 30},
        .algo = "gcpo",
        .decay = "constant",
        .old = "recorded",
        .shuffle = "groups",
        .micro_tokens = 4096,
    };
}

/* The objective's switches become options of their own. */
static size_t add_switches(struct arguments *a, struct opt *opts)
{
    size_t n = 0;
    for (const struct objective_switch *s = objective_switches(); s->name; s++, n++)
        opts[n] = (struct opt)OPT_STRING(0, s->name, s->metavar, &a->switches[n], s->help);
    return n;
}

static void set_objective(struct arguments *a)
{
    struct err e = ERR_NONE;
    size_t n = 0;
    a->o.preset = preset_find(str_of(a->algo));
    a->o.objective = preset_objective(a->o.preset);
    for (const struct objective_switch *s = objective_switches(); s->name; s++, n++)
        if (a->switches[n] && !objective_set(&a->o.objective, s->name, str_of(a->switches[n]), &e))
            opt_misuse("%s", e.text);
    if (!objective_check(&a->o.objective, &e))
        opt_misuse("%s", e.text);
}

static void settle(struct arguments *a)
{
    struct update_options *o = &a->o;
    set_objective(a);
    o->trainer.no_decay_1d = !a->decay_norms;
    o->trainer.micro_tokens = (size_t)a->micro_tokens;
    o->trainer.engine.threads = (size_t)a->threads;
    o->trainer.engine.device = a->device;
    o->recompute = strcmp(a->old, "recompute") == 0;
    o->shuffle_sequences = strcmp(a->shuffle, "sequences") == 0;
    o->schedule.decay = strcmp(a->decay, "linear") == 0   ? DECAY_LINEAR
                        : strcmp(a->decay, "cosine") == 0 ? DECAY_COSINE
                                                          : DECAY_NONE;
    if (!o->model)
        opt_misuse("which model? (-m DIR)");
    if (!o->out && !o->dry_run)
        opt_misuse("where to? (-o DIR)");
    if (o->dry_run && (o->out || o->state_out || o->metrics || o->timing))
        opt_misuse("--dry-run writes nothing: -o, --state-out, --metrics and --timing go without "
                   "it");
    if (o->compare.n && !o->dry_run)
        opt_misuse("--compare needs --dry-run");
    if (o->schedule.decay != DECAY_NONE && o->schedule.horizon <= o->schedule.warmup)
        opt_misuse("--decay %s needs --decay-steps above --warmup", a->decay);
}

static void version(void)
{
    printf("%s\n", engine_devices());
}

int main(int argc, char **argv)
{
    struct arguments a = defaults();
    struct update_options *o = &a.o;
    const struct opt first[] = {
        OPT_HEADING("Models"),
        OPT_MODEL(&o->model),
        OPT_NEUTRAL('o', "output", "DIR", &o->out, "new model directory, which must not exist"),
        OPT_NEUTRAL(0, "state", "DIR", &o->state_in, "training state to go on from; none: afresh"),
        OPT_NEUTRAL(0, "state-out", "DIR", &o->state_out, "write the training state"),
        OPT_SWITCH(0, "as-f32", &o->trainer.as_f32, "train and write bf16 weights as f32"),
        OPT_SIZE(0, "max-shard", "SIZE", &o->max_shard_bytes, 1 << 20, UINT64_MAX,
                 "bytes of one file of weights"),
        OPT_HEADING("Optimizer (AdamW)"),
        OPT_REAL(0, "lr", "X", &o->schedule.peak, 0, 1e3, "learning rate"),
        OPT_COUNT(0, "warmup", "N", &o->schedule.warmup, 0, 1000000000,
                  "optimizer steps of linear warm-up"),
        OPT_CHOICE(0, "decay", &a.decay, decay_names, "of the learning rate after the warm-up"),
        OPT_COUNT(0, "decay-steps", "N", &o->schedule.horizon, 0, 1000000000,
                  "optimizer step at which the decay ends"),
        OPT_REAL(0, "lr-end", "X", &o->schedule.floor, 0, 1, "where it ends, as a share of --lr"),
        OPT_REAL(0, "beta1", "X", &o->trainer.beta1, 0, 0.999999999, "decay of the first moment"),
        OPT_REAL(0, "beta2", "X", &o->trainer.beta2, 0, 0.999999999, "decay of the second moment"),
        OPT_REAL(0, "adam-eps", "X", &o->trainer.eps, 1e-30, 1, "added to the root"),
        OPT_REAL(0, "weight-decay", "X", &o->trainer.weight_decay, 0, 1e3, "per unit of --lr"),
        OPT_SWITCH(0, "decay-norms", &a.decay_norms, "decay norms and biases as well"),
        OPT_REAL(0, "max-grad-norm", "X", &o->trainer.max_grad_norm, 0, 1e12,
                 "clip the gradient's norm; 0: do not"),
        OPT_HEADING("Course"),
        OPT_COUNT(0, "minibatches", "N", &o->minibatches, 1, 1000000, "optimizer steps per epoch"),
        OPT_COUNT(0, "epochs", "N", &o->epochs, 1, 1000, "passes over the step"),
        OPT_CHOICE(0, "shuffle", &a.shuffle, shuffle_names, "what minibatches are made of"),
        OPT_COUNT('s', "seed", "SEED", &o->seed, 0, UINT64_MAX, "seed of the order"),
        OPT_CHOICE(0, "old", &a.old, old_names, "old log-probabilities: the sampler's or our own"),
        OPT_SWITCH(0, "off-policy", &o->off_policy, "take rollouts of another model"),
        OPT_COUNT(0, "micro-tokens", "N", &a.micro_tokens, 1, 1 << 30,
                  "positions of a micro-batch"),
        OPT_HEADING("Objective"),
        OPT_CHOICE(0, "algo", &a.algo, preset_names(), "preset; -v prints it in full"),
    };
    const struct opt last[] = {
        OPT_HEADING("Reports"),
        OPT_NEUTRAL(0, "metrics", "FILE", &o->metrics, "what the step did, a JSON line"),
        OPT_NEUTRAL(0, "timing", "FILE", &o->timing, "wall-clock figures, a JSON line"),
        OPT_SWITCH(0, "dry-run", &o->dry_run,
                   "write nothing; print gradients by source and preset"),
        OPT_LIST(0, "compare", "NAME", &o->compare, "presets that a dry run compares; else all"),
        OPT_HEADING("Machine"),
        OPT_DEVICE(&a.device),
        OPT_CHOICE(0, "precision", &o->precision, engine_precision_names,
                   "of products; else the rollouts'"),
        OPT_CHOICE(0, "kv", &o->kv, engine_kv_names, "of keys and values; else the rollouts'"),
        OPT_SIZE(0, "memory", "SIZE", &o->trainer.engine.memory_bytes, 0, UINT64_MAX,
                 "all that may be used; 0: most of what is free"),
        OPT_THREADS(&a.threads),
        OPT_END,
    };
    struct opt opts[sizeof first / sizeof *first + SWITCHES_MAX + sizeof last / sizeof *last];
    size_t n = sizeof first / sizeof *first;
    memcpy(opts, first, sizeof first);
    n += add_switches(&a, opts + n);
    memcpy(opts + n, last, sizeof last);
    const struct opt_spec spec = {
        "[groups ...]", "train a model on groups with advantages", opts,
        .footer = "Switches under Objective override the preset one by one (gcpo-objectives(7)).",
        .version = version};
    char **files = opt_parse(argc, argv, &spec);
    settle(&a);
    o->opts = opts;
    struct err e = ERR_NONE;
    (void)!update_run(o, files, &e);
    return err_report(&e);
}
