/* prose.h - sentences around answers. */
#ifndef ANSWER_PROSE_H
#define ANSWER_PROSE_H

#include <stdbool.h>

#include "base/str.h"

/* True if the text has more words than an answer would. */
bool prose_is(struct str s);

/* Where the last answer that is announced begins ("answer is", "####", "A:"),
 * and where its sentence ends; false if none is.  `from`: where to look. */
struct announced {
    struct str text; /* trimmed of quotes, stars and full stops */
    bool final;      /* "final answer" */
    bool whole;      /* to the end of a line or tag: nothing but the answer */
};
bool prose_announced(struct str t, struct announced *out);

/* The last **text** in stars that is no prose and holds a digit. */
bool prose_bold(struct str t, struct str *out);

/* What follows the last "is" or "are" of a sentence, or an equals sign behind it. */
bool prose_after_verb(struct str sentence, struct str *out);

/* ", since 3 + 4 = 7": the words behind an answer say why, not what. */
bool prose_explains(struct str s);

/* Without "so", "thus", "therefore", ... in front. */
struct str prose_without_lead(struct str s);

/* Without the words before the value: "she has 7 apples" is "7 apples".  Those must
 * begin as sentences do, or be `any` words that judge nothing. */
struct str prose_without_subject(struct str s, bool any);

/* The last number that stands free in the text, with a fraction or percent sign. */
bool prose_last_number(struct str t, struct str *out);

/* The choice a text makes: "A. Because ..", "(B)", "option C"; false if it makes none.
 * choices: allowed strings; NULL: any single capital letter. */
bool prose_choice(struct str t, const char *const *choices, size_t n, struct str *out);

#endif
