/* extract.h - the answer inside a response.
 *
 * In this order, after the thought is gone:
 *   1. a phrase with "final answer" that stands after the last box, if what it
 *      announces can be read;
 *   2. the last \boxed{} (\fbox{} too), joined with those before it when only
 *      punctuation, "and", "or" or a few words stand between;
 *   3. <answer>..</answer>, "####", a line "A: ..", "answer is ..", the last one;
 *   4. the last formula between math delimiters, joined like boxes;
 *      or a number in **stars** that stands after it;
 *   5. the whole response, if it is no prose;
 *   6. the last number, if options.last_number asks for it.
 * One pass over the text for each; no backtracking. */
#ifndef ANSWER_EXTRACT_H
#define ANSWER_EXTRACT_H

#include "answer/answer.h"
#include "answer/limits.h"

struct extraction {
    bool found;
    struct str text; /* borrowed from the response, or in the arena where pieces were joined */
    const char *why; /* "extract:box", ..., or why there is none: "extract:none", "limit:bytes" */
};

void extract_response(struct arena *a, struct str response, const struct answer_options *o,
                      bool choice, struct extraction *out);

/* A reference is an answer already, perhaps between delimiters, in a box, or at
 * the end of a solution. */
void extract_reference(struct arena *a, struct str answer, const struct answer_options *o,
                       struct extraction *out);

#endif
