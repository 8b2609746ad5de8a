/* str.h - byte strings with a length, and a growing buffer.
 *
 * A struct str is a borrowed slice: it owns nothing, may hold NUL bytes (a
 * model's output may), and is not NUL-terminated.  Print one with "%.*s" and
 * STR_ARG(s). */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_ARG(s)   ((s).n > 200 ? 200 : (int)(s).n), (s).p

struct str str_of(const char *cstring);
bool str_eq(struct str a, struct str b);
bool str_is(struct str a, const char *cstring);
int str_cmp(struct str a, struct str b); /* byte order, then length */
bool str_starts(struct str a, struct str prefix);
bool str_ends(struct str a, struct str suffix);
struct str str_slice(struct str a, size_t from, size_t to);
struct str str_trim(struct str a);                             /* ASCII white space at both ends */
size_t str_find(struct str a, struct str needle, size_t from); /* STR_NONE if absent */
size_t str_rfind(struct str a, struct str needle);             /* last occurrence */
size_t str_count(struct str a, struct str needle);             /* not overlapping */
#define STR_NONE ((size_t)-1)
uint64_t str_hash(struct str a); /* XXH3, 64 bits; the same everywhere */

/* UTF-8.  utf8_next reads the code point at *i and moves *i past it; on a
 * malformed sequence it returns UTF8_BAD and moves past the maximal invalid
 * part (at least one byte), as the Unicode standard recommends (3.9, U+FFFD). */
#define UTF8_BAD 0xFFFFFFFFu
uint32_t utf8_next(struct str s, size_t *i);
size_t utf8_put(char out[4], uint32_t code_point); /* bytes written */
size_t utf8_valid_prefix(struct str s);            /* s.n if all of s is valid UTF-8 */

/* A growing buffer; {0} is empty.  Its memory is the owner's to buf_free. */
struct buf {
    char *p;
    size_t n, cap;
};

void buf_reserve(struct buf *b, size_t more); /* room for `more` bytes past n */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *cstring);
void buf_putstr(struct buf *b, struct str s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_utf8(struct buf *b, uint32_t code_point);
const char *buf_cstr(struct buf *b);     /* NUL-terminated; n does not count the NUL */
struct str buf_str(const struct buf *b); /* borrowed until the next change */
void buf_reset(struct buf *b);           /* empty, memory kept */
void buf_free(struct buf *b);

#endif
