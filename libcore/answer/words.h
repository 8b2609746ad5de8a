/* words.h - what commands and words mean: the tables behind the lexer. */
#ifndef ANSWER_WORDS_H
#define ANSWER_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum word_role {
    WORD_TOKEN, /* becomes a token of `kind` with `id` or the text `s` */
    WORD_SKIP,  /* means nothing: \left, \quad's smaller sisters */
    WORD_STYLE, /* its argument stays, in math: \mathbf{y}; with `s`, blackboard letters */
    WORD_TEXT,  /* its argument stays, as text: \text{cm} */
    WORD_DROP,  /* it goes with its argument: \hspace{1em} */
    WORD_COLOR, /* its first argument goes */
    WORD_NAME,  /* becomes a name: \alpha */
};

struct word {
    const char *name;
    uint8_t role;
    uint16_t kind;
    uint8_t id;
    const char *s;
};

const struct word *word_command(struct str name); /* after the backslash; NULL: unknown */
const struct word *word_plain(struct str name);   /* letters without one: sin, pi, infinity, and */

/* A unit: what it measures and how much of the base unit it is.  Words that are
 * not in the table are units too where a number stands before them, but say
 * nothing.  Singular and plural, case as usual. */
struct unit {
    const char *name;
    uint8_t dimension; /* enum unit_dimension */
    int64_t num, den;  /* factor: num / den base units */
};
enum unit_dimension {
    UNIT_LENGTH = 1,
    UNIT_MASS,
    UNIT_TIME,
    UNIT_VOLUME,
    UNIT_MONEY,
    UNIT_ANGLE,
    UNIT_FREQUENCY,
    UNIT_FORCE,
    UNIT_ENERGY,
    UNIT_POWER,
    UNIT_VOLTAGE,
    UNIT_CURRENT,
    UNIT_RESISTANCE,
    UNIT_PRESSURE,
    UNIT_CELSIUS,
    UNIT_FAHRENHEIT,
    UNIT_KELVIN,
    UNIT_SPEED,
    UNIT_AREA,
};
const struct unit *word_unit(struct str name);

/* A word that changes a statement, so that what follows a number is no unit:
 * not, or, more, less, except, ... */
bool word_is_judging(struct str name);

/* A unit that is often cut short with a full stop: sq. ft. */
bool word_is_abbreviation(struct str name);

/* A word of two or three letters, which are no product of variables: per, day. */
bool word_is_short(struct str name);

/* The number a word stands for: "seven" 7, "twenty" 20, "thirty" 30; -1: none. */
int word_number(struct str name);
int64_t word_factor(struct str name); /* dozen, hundred, million, ...; 0: none */

bool word_equal_fold(struct str a, const char *lower); /* ASCII case folded */

#endif
