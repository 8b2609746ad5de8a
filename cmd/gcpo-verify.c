/* gcpo-verify - a verdict and a reward for each response, and for the gold. */
#include "base/log.h"
#include "task/verify.h"

#include <stdlib.h>
#include <string.h>

static void report(const struct verify_counts *c)
{
    log_info("%llu groups, %llu responses", (unsigned long long)c->groups,
             (unsigned long long)c->responses);
    for (int v = VERDICT_CORRECT; v < N_VERDICTS; v++)
        log_info("%s: %llu responses", verdict_name((enum verdict)v),
                 (unsigned long long)c->verdicts[v]);
    log_info("golds: %llu, %llu of them correct", (unsigned long long)c->golds,
             (unsigned long long)c->golds_correct);
}

/* "A,B,C" -> {"A", "B", "C"}; the pieces live as long as the program. */
static void split_choices(const char *list, struct opt_list *out)
{
    char *copy = xstrdup(list);
    for (char *p = strtok(copy, ","); p; p = strtok(NULL, ",")) {
        out->items = xrealloc(out->items, out->n + 1, sizeof *out->items);
        out->items[out->n++] = p;
    }
}

static unsigned parse_targets(const char *list)
{
    static const char *const names[] = {"latex", "expr", "string"};
    unsigned bits = 0;
    char *copy = xstrdup(list);
    for (char *p = strtok(copy, ","); p; p = strtok(NULL, ",")) {
        int i = 0;
        while (i < 3 && strcmp(names[i], p) != 0)
            i++;
        if (i == 3)
            opt_misuse("--targets has no '%s' (expected latex, expr, string)", p);
        bits |= 1u << i;
    }
    free(copy);
    return bits;
}

int main(int argc, char **argv)
{
    static struct opt_list choices;
    struct verify_options o = {.type = "math",
                               .answer = answer_defaults(),
                               .command_s = 10,
                               .correct_at = 1,
                               .rewards = "correct=1,wrong=0,no-answer=0",
                               .format_bonus = 0.1,
                               .overlong_factor = 1};
    struct filter f = {.io.threads = 1};
    const char *truncated = "judge", *choice_list = NULL, *targets = NULL;
    uint64_t precision = (uint64_t)o.answer.precision;
    bool strict = !o.answer.loose;
    const struct opt opts[] = {
        OPT_HEADING("Judging"),
        OPT_CHOICE(0, "type", &o.type, verify_type_names,
                   "how answers are compared, unless the record has a \"verifier\""),
        OPT_SWITCH(0, "why", &o.why, "write which rule decided"),
        OPT_SWITCH(0, "check-gold", &o.check_gold,
                   "write only answers and golds that do not accept themselves; status 1 if there "
                   "are any"),
        OPT_CHOICE(0, "truncated", &truncated, verify_truncated_names,
                   "responses cut off by the length limit"),
        OPT_HEADING("Finding the answer"),
        OPT_SWITCH(0, "require-box", &o.answer.require_box, "only \\boxed{} counts"),
        OPT_SWITCH(0, "last-number", &o.answer.last_number,
                   "without anything better the last number counts"),
        OPT_STRING(0, "targets", "LIST", &targets, "what may be an answer: of latex, expr, string"),
        OPT_STRING(0, "choices", "LIST", &choice_list, "the allowed choices, separated by commas"),
        OPT_STRING(0, "delimiter", "TEXT", &o.answer.delimiter,
                   "the end of the thought; only what follows is judged"),
        OPT_SWITCH(0, "keep-reasoning", &o.answer.keep_reasoning, "look into the thought as well"),
        OPT_HEADING("Comparing"),
        OPT_COUNT(0, "precision", "N", &precision, 0, 30,
                  "decimal places, for decimals against exact values"),
        OPT_REAL(0, "tolerance", "X", &o.answer.tolerance, 0, 1,
                 "relative, for plain numbers; 0 is exact"),
        OPT_SWITCH(0, "strict", &strict, "the names of variables matter"),
        OPT_SWITCH(0, "set-relation", &o.answer.set_relation,
                   "an interval may answer an inequality"),
        OPT_HEADING("A checker of your own"),
        OPT_STRING(0, "command", "CMD", &o.command,
                   "the checker of --type exec: a JSON line in, a JSON line out"),
        OPT_REAL(0, "command-limit", "SECONDS", &o.command_s, 0.001, 86400,
                 "time per answer, in seconds"),
        OPT_REAL(0, "correct-at", "X", &o.correct_at, 0, 1, "scores from X on are correct"),
        OPT_HEADING("Reward"),
        OPT_STRING(0, "reward", "SPEC", &o.rewards, "reward by verdict"),
        OPT_STRING(0, "format", "PATTERN", &o.format, "a response that matches gets the bonus"),
        OPT_REAL(0, "format-bonus", "X", &o.format_bonus, -1e6, 1e6, "added to the reward"),
        OPT_COUNT(0, "overlong", "N", &o.overlong, 0, 1 << 24,
                  "tokens before max_tokens over which a penalty grows; 0: none"),
        OPT_REAL(0, "overlong-factor", "X", &o.overlong_factor, 0, 1e6, "the whole penalty"),
        FILTER_OPTIONS(&f.io),
        {.kind = OPT_KIND_SWITCH,
         .name = "line-buffered",
         .value = &f.io.line_buffered,
         .neutral = true,
         .help = "every group leaves at once: be a co-process"},
        OPT_END,
    };
    const struct opt_spec spec = {"[groups ...]", "a verdict and a reward for each response", opts,
                                  NULL, NULL};
    char **files = opt_parse(argc, argv, &spec);
    o.truncated_is_no_answer = strcmp(truncated, "no-answer") == 0;
    o.answer.precision = (int)precision;
    o.answer.loose = !strict;
    if (targets)
        o.answer.targets = parse_targets(targets);
    if (choice_list) {
        split_choices(choice_list, &choices);
        o.answer.strings = choices.items;
        o.answer.n_strings = choices.n;
    }
    f.opts = opts;

    struct err e = ERR_NONE;
    struct verify_counts counts;
    if (verify_run(&o, &f, files, &counts, &e)) {
        report(&counts);
        if (o.check_gold && counts.faults)
            e.status = ST_NO;
    }
    return err_report(&e);
}
