/* goldcheck.h - what is right and wrong with one gold.
 *
 * The gold is the group's gold row, where gcpo-inject-gold has put one in, else
 * the member `gold`.  Nothing here needs a model; with one, lengths are its
 * tokens and are held against max_tokens. */
#ifndef TASK_GOLDCHECK_H
#define TASK_GOLDCHECK_H

#include "task/goldtokens.h"
#include "task/inject.h"

/* What gcpo-inject-gold would do with the gold: behind a prompt that opens no
 * thought, and behind one that does, by --gold-think. */
enum gold_setting { SETTING_PLAIN, SETTING_REQUIRE, SETTING_WRAP, SETTING_EMPTY, N_SETTINGS };
extern const char *const gold_setting_names[]; /* "plain", "require", "wrap", "empty" */

struct goldcheck_options {
    struct goldtokens *tokens; /* NULL: lengths are code points */
    int type;                  /* of verify_type_names, where the record has no "verifier" */
    uint64_t max_tokens;       /* 0: the record's */
    bool append_box;
};

struct goldcheck {
    bool has_gold;
    struct str text; /* as it is judged: with the box, if that was appended */
    enum verdict verdict;
    bool appended;      /* it had no box, and got one */
    bool boxed, bare;   /* bare: nothing but the answer */
    bool cut;           /* a box or an environment is not closed */
    bool spells_end;    /* the text spells a control token, which stays text */
    size_t trailing;    /* code points behind the last box; 0 without a box */
    size_t opens, ends; /* <think>, </think> */
    bool in_tokens;     /* the unit of the next two */
    uint64_t length;
    double policy_length; /* median of the policy's responses; 0: there are none */
    bool has_surprise, has_policy_surprise;
    double surprise, policy_surprise; /* minus the mean log-probability of a token, nats */
    enum gold_fate fate[N_SETTINGS];  /* FATE_INJECTED: usable */
};

/* Everything in *out lives in the group's arena.  May be called from several threads. */
bool goldcheck_run(const struct goldcheck_options *o, const struct group *g, struct goldcheck *out,
                   struct err *e) MUST_CHECK;

#endif
