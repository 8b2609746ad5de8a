/* gold.h - is this record's gold usable, and as which tokens?
 *
 * A gold is usable if gcpo-verify calls it correct, if it fits (with the end
 * token) into max_tokens, if it shows some working, and if it closes the thought
 * that the prompt opened.  See gcpo-inject-gold(1). */
#ifndef TASK_GOLD_H
#define TASK_GOLD_H

#include "task/inject.h"

struct gold {
    struct str text; /* as the model should have continued the prompt */
    int32_t *tokens; /* with the end token; NULL without a model */
    size_t n_tokens;
    struct str reward; /* raw JSON */
};

struct gold_reader;

struct gold_reader *gold_reader_open(const struct inject_options *o, struct err *e) MUST_CHECK;
void gold_reader_close(struct gold_reader *r); /* accepts NULL */

/* *fate is FATE_INJECTED if the gold can be used, else the reason.  Everything
 * in *out lives in the group's arena.  A usable gold of a bare prompt also gives
 * the group its prompt_tokens.  May be called from several threads. */
bool gold_read(struct gold_reader *r, struct group *g, struct gold *out, enum gold_fate *fate,
               struct err *e) MUST_CHECK;

/* Nothing but the answer: once markup around it is gone, no other words, lines
 * or relations are left. */
bool gold_is_bare(struct str text, struct str answer);

/* Makes a gold fit a prompt that opened a thought, as --gold-think says: it must close exactly
 * one.  False if it cannot; else *text is what follows the prompt, in the arena if changed. */
bool gold_fit_thought(enum inject_think think, struct str answer, struct arena *a,
                      struct str *text);

/* Whether a prompt's text ends inside a thought: its last <think> is not closed. */
bool prompt_opens_thought(struct str prompt);

#endif
