/* rollout_group.h - one prompt on its way through a rollout: inside rollout.c. */
#ifndef TASK_ROLLOUT_GROUP_H
#define TASK_ROLLOUT_GROUP_H

#include "task/rollout.h"

/* A prompt that waits for its samples.  Everything lives in the arena. */
struct pending {
    struct arena arena;
    struct group group;
    int32_t *prompt;
    size_t n_prompt;
    uint64_t key;
    uint32_t round;
    size_t max_tokens;
    struct pending *next;  /* of a list of unused ones */
    struct pending *older; /* of all */
};

/* Reads a line and renders its prompt; sets id, round, prompt_tokens, max_tokens and
 * first_sample in the group. */
bool pending_read(struct pending *p, struct prompter *prompter, const struct rollout_options *o,
                  const struct engine_info *info, struct str line, struct err *e) MUST_CHECK;

/* The samples become the group's responses. */
void pending_fill(struct pending *p, const struct tokenizer *t, const struct gen_group *samples);

/* A hash of everything that sampling does not add: equal for a prompt and for the
 * group that was made of it.  Edits the group. */
uint64_t pending_hash(struct group *g);

void rollout_count(struct rollout_counts *c, const struct group *g);

#endif
