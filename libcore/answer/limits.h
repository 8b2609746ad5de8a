/* limits.h - what one answer may cost, in work, never in time.
 *
 * Every bound is a property of the text, so the same answer meets the same
 * limit on every machine.  A response that exceeds one has no answer, an
 * `answer` that does is a bad reference; the rule that is reported is
 * "limit:NAME" with the names of limit_name(). */
#ifndef ANSWER_LIMITS_H
#define ANSWER_LIMITS_H

enum {
    ANSWER_BYTES_MAX = 16 * 1024,  /* of one extracted answer */
    ANSWER_TAIL_MAX = 256 * 1024,  /* of a response, from its end, behind the thought */
    ANSWER_TOKENS_MAX = 4096,      /* of one extracted answer */
    ANSWER_DEPTH_MAX = 96,         /* nesting of brackets, fractions, powers, styles */
    ANSWER_TERMS_MAX = 512,        /* elements of one list, sum, product, matrix, chain */
    ANSWER_DIGITS_MAX = 2048,      /* of one number */
    ANSWER_SCALE_MAX = 1000000,    /* |decimal exponent| of one number */
    ANSWER_BITS_MAX = 1 << 16,     /* of an exact numerator or denominator */
    ANSWER_FACTORIAL_MAX = 100000, /* n in n!, k in binomials */
    ANSWER_RANGE_MAX = 1000,       /* terms of a sum or product that is written out */
    ANSWER_POINTS = 4,             /* points at which expressions must agree */
    ANSWER_POINTS_TRIED = 24,      /* points tried until that many lie in the domain */
    ANSWER_SIGNS_MAX = 5,          /* plus-minus signs in one expression */
    ANSWER_WORK_MAX = 40000,       /* units of evaluation; a unit is about 50 ns */
    ANSWER_BOXES_MAX = 64,         /* boxes looked at, from the end */
    ANSWER_REGEX_STEPS = 100000,   /* PCRE2 match limit */
    ANSWER_REGEX_DEPTH = 1000,     /* PCRE2 backtracking depth */
};

enum limit {
    LIMIT_NONE,
    LIMIT_BYTES,
    LIMIT_TOKENS,
    LIMIT_DEPTH,
    LIMIT_TERMS,
    LIMIT_DIGITS,
    LIMIT_BITS,
    LIMIT_WORK,
};

#endif
