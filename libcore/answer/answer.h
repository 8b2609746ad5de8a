/* answer.h - is this response right?  Pure functions on strings.
 *
 * A reference is prepared once and judges any number of responses.  Everything
 * is deterministic and reentrant; work is bounded by the named limits of
 * answer/limits.h (bytes, depth, terms, bits of numbers, points), never by time.
 *
 * What counts as equal is described kind by kind in gcpo-verify(1). */
#ifndef ANSWER_ANSWER_H
#define ANSWER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum answer_type {
    ANSWER_MATH,   /* mathematical equality, all kinds */
    ANSWER_EXACT,  /* the same text, after white space at the ends is gone */
    ANSWER_NUMBER, /* both are plain numbers, equal exactly (or within the tolerance) */
    ANSWER_CHOICE, /* a letter */
    ANSWER_REGEX,  /* the reference is a PCRE2 pattern that the answer must match as a whole */
};

/* Where an answer may be taken from: a set of bits. */
enum answer_target {
    ANSWER_LATEX = 1,  /* boxes and math between delimiters */
    ANSWER_EXPR = 2,   /* numbers and expressions in plain text */
    ANSWER_STRING = 4, /* one of options.strings */
};

struct answer_options {
    enum answer_type type;
    unsigned targets; /* 0: latex and expr */
    const char *const
        *strings; /* allowed choices; NULL: A, B, C, D (and on) where the reference is one */
    size_t n_strings;
    int precision;         /* decimal places for decimals against exact values; 0: the default, 6 */
    double tolerance;      /* relative, for plain numbers; 0: exact */
    bool loose;            /* variables' names do not matter (peers' strict = false) */
    bool set_relation;     /* an interval may answer an inequality and the other way round */
    bool require_box;      /* only \boxed{} counts */
    bool last_number;      /* without anything better, the last number of the text counts */
    const char *delimiter; /* end of the thought; NULL: "</think>" */
    bool keep_reasoning;   /* look into the thought as well */
};

/* {0} with the defaults filled in. */
struct answer_options answer_defaults(void);

enum answer_verdict { ANSWER_IS_CORRECT, ANSWER_IS_WRONG, ANSWER_IS_ABSENT, ANSWER_BAD_REFERENCE };

struct answer_judgement {
    enum answer_verdict verdict;
    bool has_extracted;
    struct str extracted; /* what was compared; in the arena or borrowed from the response */
    const char *why; /* the rule that decided: "equal:number", "differ:interval", "extract:none",
                                   "limit:NAME", ...; static storage */
};

/* A reference answer, in the arena.  Never NULL; one that cannot be read makes
 * every judgement ANSWER_BAD_REFERENCE with the reason in why. */
struct answer_reference;
struct answer_reference *answer_reference_new(struct arena *a, struct str answer,
                                              const struct answer_options *o);

/* Judges one response.  The reference is not changed, so threads may share it
 * if each brings its own arena. */
void answer_judge(const struct answer_reference *r, struct arena *a, struct str response,
                  struct answer_judgement *out);

/* The same for an answer that has been extracted already (no prose around it). */
void answer_judge_bare(const struct answer_reference *r, struct arena *a, struct str answer,
                       struct answer_judgement *out);

#endif
