/* json.h - JSON as validated spans of text.
 *
 * json_check() validates a whole text once (RFC 8259: grammar, UTF-8, depth;
 * and no key twice in one object).  Everything else here walks text that has
 * passed it, without copying: a struct str that is "a value" starts at its
 * first byte and ends after its last, so an unknown member can be copied to an
 * output to the digit.  Where a tree is wanted, json_tree() hands the checked
 * span to cJSON. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum {
    JSON_DEPTH_MAX = 64, /* nesting of arrays and objects */
};

/* Validates exactly one value with optional white space around it, and gives
 * its span.  Errors are ERR_DATA and name the byte (from 1). */
bool json_check(struct str text, struct str *value, struct err *e) MUST_CHECK;

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum json_type json_type(struct str value);
const char *json_type_name(enum json_type t); /* "null", "a boolean", "a number", ... */

/* Walks an array or object:
 *     struct json_iter it = json_iter(value);
 *     while (json_next(&it, &key, &member)) ...
 * key is the raw text between the quotes (empty in arrays; may be NULL). */
struct json_iter {
    const char *p, *end;
};
struct json_iter json_iter(struct str value);
bool json_next(struct json_iter *it, struct str *key, struct str *value);
size_t json_count(struct str value); /* elements of an array, members of an object */

/* The value of a member of an object; false if it is absent. */
bool json_get(struct str object, const char *name, struct str *value);
bool json_key_is(struct str raw_key, const char *name); /* escapes are honoured */

/* Values.  The getters return false if the value has another type or does not
 * fit; they set no error, since only the caller knows the place. */
bool json_bool(struct str value, bool *out);
bool json_double(struct str value, double *out); /* finite */
bool json_float(struct str value, float *out);   /* correctly rounded to float, finite */
bool json_i64(struct str value, int64_t *out);   /* an integer without '.' or 'e' */

/* The decoded text of a string value (or of a raw key between quotes).  A lone
 * surrogate becomes U+FFFD.  Borrowed from `value` when there is nothing to
 * decode, else from the arena. */
struct str json_decode(struct arena *a, struct str value);
struct str json_decode_key(struct arena *a, struct str raw_key);

/* Printing.  Strings keep UTF-8 as it is; control characters are escaped and
 * invalid UTF-8 becomes U+FFFD, so the output always passes json_check. */
void json_put_string(struct buf *b, struct str s);
void json_put_float(struct buf *b, float v); /* v must be finite */
void json_put_double(struct buf *b, double v);

/* A cJSON tree of a text (checked first).  Caller frees with cJSON_Delete. */
struct cJSON;
struct cJSON *json_tree(struct str text, struct err *e) MUST_CHECK;

#endif
