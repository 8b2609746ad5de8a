/* pattern.c - see pattern.h. */
#include "answer/pattern.h"
#include "answer/limits.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct answer_pattern {
    pcre2_code *code;
};

/* PCRE2's memory is the arena's, so nothing is left to free. */
static void *take(PCRE2_SIZE n, void *arena)
{
    return arena_alloc(arena, n);
}

static void leave(void *p, void *arena)
{
    (void)p;
    (void)arena;
}

struct answer_pattern *answer_pattern_new(struct arena *a, struct str pattern, const char **why)
{
    int code;
    PCRE2_SIZE at;
    pcre2_general_context *g = pcre2_general_context_create(take, leave, a);
    pcre2_compile_context *c = pcre2_compile_context_create(g);
    struct answer_pattern *p = arena_alloc(a, sizeof *p);
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    p->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, options, &code, &at, c);
    *why = p->code ? NULL : "reference:regex";
    return p->code ? p : NULL;
}

bool answer_pattern_match(const struct answer_pattern *p, struct arena *a, struct str text,
                          bool *limited)
{
    pcre2_general_context *g = pcre2_general_context_create(take, leave, a);
    pcre2_match_context *c = pcre2_match_context_create(g);
    pcre2_match_data *m = pcre2_match_data_create(1, g);
    pcre2_set_match_limit(c, ANSWER_REGEX_STEPS);
    pcre2_set_depth_limit(c, ANSWER_REGEX_DEPTH);
    int n = pcre2_match(p->code, (PCRE2_SPTR)text.p, text.n, 0, 0, m, c);
    *limited = n < 0 && n != PCRE2_ERROR_NOMATCH;
    return n >= 0;
}
