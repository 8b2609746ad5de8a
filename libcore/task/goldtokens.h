/* goldtokens.h - a gold's text as the tokens that the policy would have sampled.
 *
 * A gold is a raw continuation of the prompt's tokens, never rendered by the chat
 * template; the model's end token is appended.  Text that spells a special token
 * stays text; </think>, which is none, becomes its token. */
#ifndef TASK_GOLDTOKENS_H
#define TASK_GOLDTOKENS_H

#include "task/prompter.h"

struct goldtokens;

struct goldtokens *goldtokens_open(const char *model, const struct prompter_options *o,
                                   struct err *e) MUST_CHECK;
void goldtokens_close(struct goldtokens *t); /* accepts NULL */

const struct tokenizer *goldtokens_tokenizer(const struct goldtokens *t);

/* Both may be called from several threads; what they return is in the arena. */
bool goldtokens_encode(struct goldtokens *t, struct str text, struct arena *a, int32_t **tokens,
                       size_t *n, struct err *e) MUST_CHECK;

/* The ids that gcpo-rollout would give the record's prompt. */
bool goldtokens_prompt(struct goldtokens *t, const struct group *g, int32_t **ids, size_t *n,
                       struct err *e) MUST_CHECK;

#endif
