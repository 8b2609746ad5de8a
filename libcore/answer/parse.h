/* parse.h - tokens to a tree.
 *
 * A text is a list of elements; an element is words, or a chain of relations
 * between expressions.  What cannot be read as mathematics is OP_TEXT as a
 * whole, never a product of its letters. */
#ifndef ANSWER_PARSE_H
#define ANSWER_PARSE_H

#include "answer/lex.h"
#include "answer/tree.h"

/* The tree, or NULL if the text is not mathematics (limit LIMIT_NONE) or
 * exceeds a limit (*limit says which). */
struct node *parse(struct arena *a, struct str text, enum lex_reading reading, enum limit *limit);

#endif
