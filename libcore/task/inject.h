/* inject.h - groups in, groups out; where every response is wrong, one becomes the gold.
 *
 * GCPO (arXiv 2510.07790): when all responses of a group are wrong, one of them
 * is replaced by the reference solution.  The gold is a raw continuation of the
 * prompt's tokens, never rendered by a chat template; the model's end token is
 * appended.  The displaced response is kept whole in "replaced", and --undo puts
 * it back.  What happened to each gold is written as "gold_fate". */
#ifndef TASK_INJECT_H
#define TASK_INJECT_H

#include "task/filter.h"
#include "task/prompter.h"

enum inject_when { INJECT_ALL_WRONG, INJECT_ALWAYS, INJECT_NEVER };
enum inject_replace { REPLACE_LAST, REPLACE_RANDOM, REPLACE_LONGEST, REPLACE_TRUNCATED };
enum inject_think { THINK_REQUIRE, THINK_WRAP, THINK_EMPTY, THINK_ASIS };

extern const char *const inject_when_names[]; /* in the order of the enums, NULL at the end */
extern const char *const inject_replace_names[];
extern const char *const inject_think_names[];

/* Why a gold went in, or did not: the value of "gold_fate". */
enum gold_fate {
    FATE_INJECTED,
    FATE_NOT_NEEDED,  /* the group has contrast, or nothing scorable to compare */
    FATE_NO_GOLD,     /* the record has none */
    FATE_NOT_CORRECT, /* gcpo-verify does not call it correct */
    FATE_TOO_LONG,    /* longer than max_tokens, the end token included */
    FATE_BARE,        /* nothing but the answer: no working to learn from */
    FATE_NO_THOUGHT,  /* the prompt opens a thought and the gold does not close exactly one */
    N_FATES
};
const char *gold_fate_name(enum gold_fate f); /* "injected", "not-needed", "no-gold", ... */

/* The group's "gold_fate"; N_FATES if it has none, or none that is known. */
bool get_gold_fate(const struct group *g, enum gold_fate *out, struct err *e);

struct inject_options {
    const char *model;        /* directory with the tokenizer; NULL: groups of text only */
    const char *gold_file;    /* golds by id instead of the records' own; may be NULL */
    const char *missing_file; /* ids that needed a gold and had no usable one; may be NULL */
    enum inject_when when;
    enum inject_replace replace;
    enum inject_think think;
    bool allow_bare, undo;
    struct prompter_options prompter; /* how bare prompts are shown to the model */
};

struct inject_counts {
    uint64_t groups, all_wrong, all_truncated; /* all_truncated: of the all wrong ones */
    uint64_t fates[N_FATES];
};

bool inject_run(const struct inject_options *o, struct filter *f, char *const *files,
                struct inject_counts *counts, struct err *e) MUST_CHECK;

#endif
