/* record.h - one line is one group; the one place where field names are spelled.
 *
 * A group is parsed into spans of its line: the members of the top object and
 * of each response, in order.  Programs read the members they need, replace or
 * append their own, and print the rest as it came, to the digit.  gcpo-record(5)
 * describes every field. */
#ifndef STREAM_RECORD_H
#define STREAM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* clang-format off */
#define RECORD_FIELDS(X) \
    X(ID, "id") X(ROUND, "round") X(PROMPT, "prompt") X(MESSAGES, "messages") \
    X(SYSTEM, "system") X(ANSWER, "answer") X(GOLD, "gold") X(GOLD_VERDICT, "gold_verdict") \
    X(GOLD_REWARD, "gold_reward") X(PROMPT_TOKENS, "prompt_tokens") X(MAX_TOKENS, "max_tokens") \
    X(RESPONSES, "responses") X(TEXT, "text") X(TOKENS, "tokens") X(LOGPROBS, "logprobs") \
    X(REF_LOGPROBS, "ref_logprobs") X(FINISH, "finish") X(SOURCE, "source") \
    X(REPLACED, "replaced") X(EXTRACTED, "extracted") X(VERDICT, "verdict") X(REWARD, "reward") \
    X(WHY, "why") X(GOLD_WHY, "gold_why") X(OPENS_THOUGHT, "opens_thought") \
    X(LENGTH_PENALTY, "length_penalty") X(FORMAT_BONUS, "format_bonus") \
    X(ADVANTAGE, "advantage") X(FIRST_SAMPLE, "first_sample") X(GOLD_FATE, "gold_fate") \
    X(VERIFIER, "verifier") X(ROLE, "role") X(CONTENT, "content")
/* clang-format on */

enum field {
#define X(symbol, name) F_##symbol,
    RECORD_FIELDS(X)
#undef X
        N_FIELDS
};

const char *field_name(enum field f);

enum {
    RECORD_RESPONSES_MAX = 65536, /* responses in a group: the limit `responses` */
    RECORD_TOKENS_MAX = 1 << 24,  /* tokens in an array: the limit `tokens` */
};

/* The members of one JSON object, as spans. */
struct member {
    struct str key;   /* raw text between the quotes */
    struct str value; /* raw text of the value */
};

struct object {
    struct member *m;
    size_t n, cap;
};

struct group {
    struct arena *arena; /* owns everything that is added */
    struct object top;
    struct object *responses; /* NULL if the record has none (a bare prompt) */
    size_t n_responses;
    bool has_responses;
};

/* Checks the line (json_check) and splits it.  `responses`, if present, must be
 * an array of objects.  g borrows from line and arena. */
bool group_parse(struct group *g, struct arena *arena, struct str line, struct err *e) MUST_CHECK;
void group_print(const struct group *g, struct buf *out); /* without '\n' */
void group_set_responses(struct group *g, struct object *responses, size_t n);

/* Members.  get returns NULL if absent; set replaces in place or appends, and
 * borrows `value` (raw JSON); remove does nothing if absent. */
const struct str *object_get(const struct object *o, enum field f);
const struct str *object_get_name(const struct object *o, const char *name);
bool object_is_null(const struct object *o, enum field f); /* absent or null */
void object_set(struct arena *a, struct object *o, enum field f, struct str value);
void object_remove(struct object *o, enum field f);
void object_copy(struct arena *a, struct object *to, const struct object *from);
bool object_split(struct arena *a, struct str value,
                  struct object *o); /* value: a checked object */
void object_print(const struct object *o, struct buf *out);

/* Typed access.  `where` is "" for the top object or "responses[3]." and so on;
 * errors are ERR_DATA and name where, field, what was seen and expected.  need_*
 * also refuse absence and null; the get_* forms then leave *out and set *has. */
bool get_string(struct arena *a, const struct object *o, const char *where, enum field f, bool *has,
                struct str *out, struct err *e);
bool get_double(const struct object *o, const char *where, enum field f, bool *has, double *out,
                struct err *e);
bool get_count(const struct object *o, const char *where, enum field f, bool *has, uint64_t *out,
               struct err *e);
bool need_string(struct arena *a, const struct object *o, const char *where, enum field f,
                 struct str *out, struct err *e);
bool need_double(const struct object *o, const char *where, enum field f, double *out,
                 struct err *e);

/* Arrays of token ids (0 .. INT32_MAX) and of floats (finite).  *n = 0 and
 * *out = NULL if absent or null; `has` tells.  Allocated from the arena. */
bool get_tokens(struct arena *a, const struct object *o, const char *where, enum field f, bool *has,
                int32_t **out, size_t *n, struct err *e);
bool get_floats(struct arena *a, const struct object *o, const char *where, enum field f, bool *has,
                float **out, size_t *n, struct err *e);

/* Log-probabilities, one for each of `n` tokens and none above 0; *out = NULL if absent. */
bool get_logprobs(struct arena *a, const struct object *o, const char *where, enum field f,
                  size_t n, float **out, struct err *e);

/* "responses[i]." in static storage of the arena. */
const char *response_where(struct arena *a, size_t i);

/* The record's id, or the default: 16 hexadecimal digits of the XXH3 of its
 * prompt (of the raw `messages` where there is no prompt). */
bool group_id(const struct group *g, struct str *id, struct err *e);
uint64_t group_key(struct str id); /* what random draws are keyed by */

/* Raw JSON values in the arena, for object_set. */
struct str raw_string(struct arena *a, struct str s);
struct str raw_double(struct arena *a, double v);
struct str raw_count(struct arena *a, uint64_t v);
struct str raw_tokens(struct arena *a, const int32_t *v, size_t n);
struct str raw_floats(struct arena *a, const float *v, size_t n);
struct str raw_buf(struct arena *a, const struct buf *b);

enum verdict {
    VERDICT_ABSENT,
    VERDICT_CORRECT,
    VERDICT_WRONG,
    VERDICT_NO_ANSWER,
    VERDICT_BAD_REFERENCE,
    VERDICT_ERROR,
    N_VERDICTS
};
enum source { SOURCE_POLICY, SOURCE_GOLD };
enum finish { FINISH_ABSENT, FINISH_STOP, FINISH_LENGTH };

const char *verdict_name(enum verdict v); /* "correct", "wrong", "no-answer", ... */
bool verdict_is_scorable(enum verdict v); /* correct, wrong, no-answer */
bool verdict_of_name(struct str name, enum verdict *out);
bool get_verdict(struct arena *a, const struct object *o, const char *where, enum field f,
                 enum verdict *out, struct err *e);
bool get_source(struct arena *a, const struct object *o, const char *where, enum source *out,
                struct err *e); /* absent: policy */
bool get_finish(struct arena *a, const struct object *o, const char *where, enum finish *out,
                struct err *e);

#endif
