/* gcpo-gold - golds looked at before a run is spent on them, and golds picked from responses. */
#include "base/log.h"
#include "base/num.h"
#include "task/goldlint.h"
#include "task/goldpick.h"
#include "task/verify.h"

#include <string.h>

static int index_of(const char *const *names, const char *name)
{
    int i = 0;
    while (strcmp(names[i], name) != 0)
        i++;
    return i;
}

/* "MIN:MAX", either of them may be left out. */
static void parse_range(const char *text, uint64_t *min, uint64_t *max)
{
    struct str s = str_of(text);
    size_t colon = str_find(s, STR(":"), 0);
    struct str lo = str_slice(s, 0, colon == STR_NONE ? s.n : colon);
    struct str hi = colon == STR_NONE ? STR("") : str_slice(s, colon + 1, s.n);
    if (colon == STR_NONE || (lo.n && !num_parse_u64(lo, min)) ||
        (hi.n && !num_parse_u64(hi, max)) || (hi.n && *max < *min))
        opt_misuse("--tokens is '%s' (expected MIN:MAX)", text);
}

static void report(const struct goldpick_counts *c)
{
    log_info("%llu golds for %llu ids; %llu of %llu responses correct, of these %llu cut off by "
             "the length limit, %llu outside of --tokens",
             (unsigned long long)c->picked, (unsigned long long)c->ids,
             (unsigned long long)c->correct, (unsigned long long)c->responses,
             (unsigned long long)c->cut, (unsigned long long)c->outside);
}

int main(int argc, char **argv)
{
    struct goldlint_options lint = {0};
    struct goldpick_options pick = {0};
    struct filter_options io = {.threads = 1};
    const char *type = verify_type_names[0], *by = pick_by_names[PICK_SHORTEST];
    const char *thought = pick_thought_names[THOUGHT_KEEP], *range = NULL, *model = NULL;
    const struct opt opts[] = {
        OPT_HEADING("lint [groups ...]"),
        OPT_CHOICE(0, "type", &type, verify_type_names,
                   "how answers are compared, where the record has no \"gold_verdict\""),
        OPT_NEUTRAL(0, "gold", "FILE", &lint.gold_file,
                    "look at the golds of FILE, joined by id, instead of the records' own"),
        OPT_COUNT(0, "max-tokens", "N", &lint.max_tokens, 0, 1 << 24,
                  "the length limit; 0: the record's own"),
        OPT_SWITCH(0, "append-box", &lint.append_box, "give golds without a box one"),
        OPT_NEUTRAL(0, "fixed", "FILE", &lint.fixed_file,
                    "write the records with these boxes into FILE"),
        OPT_SWITCH(0, "each", &lint.each, "a JSON line for each gold instead of the table"),
        OPT_SWITCH(0, "json", &lint.json, "the table as JSON"),
        OPT_HEADING("pick [groups ...]"),
        OPT_CHOICE(0, "by", &by, pick_by_names, "which correct response becomes the gold"),
        OPT_STRING(0, "tokens", "MIN:MAX", &range, "least and largest length"),
        OPT_CHOICE(0, "thought", &thought, pick_thought_names,
                   "keep it; open: without <think> in front; drop all up to </think>"),
        OPT_COUNT('s', "seed", "SEED", &pick.seed, 0, UINT64_MAX, "the seed of --by random"),
        OPT_NEUTRAL(0, "missing", "FILE", &pick.missing_file, "write the ids without a gold"),
        PROMPTER_OPTIONS(&pick.prompter),
        OPT_HEADING("Both"),
        OPT_MODEL(&model),
        {.kind = OPT_KIND_SIZE,
         .name = "memory",
         .metavar = "SIZE",
         .value = &pick.engine.memory_bytes,
         .max = UINT64_MAX,
         .neutral = true,
         .help = "bytes to use, weights included; 0: most of what the machine has"},
        FILTER_OPTIONS(&io),
        OPT_END,
    };
    const struct opt_spec spec = {"lint|pick [groups ...]", "check golds, and pick them", opts,
                                  .footer = "The model is the policy that will be trained."};
    char **operands = opt_parse(argc, argv, &spec);
    lint.io = pick.io = io;
    lint.opts = pick.opts = opts;
    lint.model = pick.model = model;
    lint.type = type;
    pick.by = (enum pick_by)index_of(pick_by_names, by);
    pick.thought = (enum pick_thought)index_of(pick_thought_names, thought);
    if (range)
        parse_range(range, &pick.min_tokens, &pick.max_tokens);
    if (lint.json && lint.each)
        opt_misuse("--json and --each exclude each other");
    if (lint.fixed_file && !lint.append_box)
        opt_misuse("--fixed goes with --append-box");

    struct err e = ERR_NONE;
    struct goldpick_counts counts;
    if (!operands[0])
        opt_misuse("which command? (lint, pick)");
    if (strcmp(operands[0], "lint") == 0)
        (void)!goldlint_run(&lint, operands + 1, &e);
    else if (strcmp(operands[0], "pick") != 0)
        opt_misuse("there is no command '%s' (lint, pick)", operands[0]);
    else if (goldpick_run(&pick, operands + 1, &counts, &e))
        report(&counts);
    return err_report(&e);
}
