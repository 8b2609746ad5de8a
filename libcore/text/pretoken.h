/* pretoken.h - cuts a text into the pieces inside which BPE merges: the
 * "pre_tokenizer" of a tokenizer.json.
 *
 * Supported: Split (every behaviour), Digits, ByteLevel, and Sequences of them
 * that end in the one ByteLevel.  Pieces are slices of the text; what ByteLevel
 * does with their bytes is the business of bpe.h. */
#ifndef TEXT_PRETOKEN_H
#define TEXT_PRETOKEN_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct pretoken;

enum { PRETOKEN_STEPS_MAX = 16 };

/* From the checked value of "pre_tokenizer". */
struct pretoken *pretoken_open(struct str json, struct err *e) MUST_CHECK;
void pretoken_close(struct pretoken *p); /* accepts NULL */

/* One thread's buffers. */
struct splitter;
struct splitter *splitter_new(const struct pretoken *p);
void splitter_free(struct splitter *s); /* accepts NULL */

/* Calls piece() for each piece of valid UTF-8, in order; none is empty.  The
 * slice lives until piece() returns.  Ends when piece() returns false (it has
 * set *e). */
bool splitter_run(struct splitter *s, struct str text,
                  bool (*piece)(void *arg, struct str piece, struct err *e), void *arg,
                  struct err *e) MUST_CHECK;

#endif
