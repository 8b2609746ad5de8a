/* pattern.h - answers that must match a PCRE2 pattern as a whole. */
#ifndef ANSWER_PATTERN_H
#define ANSWER_PATTERN_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/str.h"

struct answer_pattern;

/* In the arena.  NULL, with *why, if the pattern is not one. */
struct answer_pattern *answer_pattern_new(struct arena *a, struct str pattern, const char **why);

/* Work is bounded by PCRE2's own counts; a match that exceeds them is none, and *limited. */
bool answer_pattern_match(const struct answer_pattern *p, struct arena *a, struct str text,
                          bool *limited);

#endif
