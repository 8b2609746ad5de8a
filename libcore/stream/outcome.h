/* outcome.h - how the policy's responses to one prompt came out.
 *
 * Decided on verdicts, never on rewards being equal (a format bonus or a length
 * penalty makes wrong rewards differ).  A gold row is not the policy's: what it
 * displaced counts in its place. */
#ifndef STREAM_OUTCOME_H
#define STREAM_OUTCOME_H

#include "stream/record.h"

enum contrast {
    CONTRAST_MIXED,
    CONTRAST_ALL_WRONG,  /* at least two scorable responses, every one wrong or no-answer */
    CONTRAST_ALL_RIGHT,  /* at least one scorable response, every one correct */
    CONTRAST_UNSCORABLE, /* nothing to compare: no scorable response, or a single wrong one */
    N_CONTRASTS
};

struct outcome {
    size_t n; /* responses of the policy, displaced ones included */
    size_t correct, wrong, no_answer, unscorable;
    size_t truncated; /* finish is "length" */
    size_t golds;     /* gold rows */
    enum contrast contrast;
};

const char *contrast_name(enum contrast c); /* "mixed", "all-wrong", "all-right", "unscorable" */

/* Reads verdicts, finishes and sources.  A response without a verdict is
 * ERR_DATA: the stream has not been through gcpo-verify. */
bool group_outcome(const struct group *g, struct outcome *out, struct err *e) MUST_CHECK;

/* The policy's response in slot i: the response itself, or for a gold row the
 * one it displaced, split into *displaced.  NULL if a gold row has none. */
const struct object *policy_response(const struct group *g, size_t i, struct object *displaced);

#endif
