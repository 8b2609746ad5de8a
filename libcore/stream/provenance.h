/* provenance.h - the JSON of a head mark.
 *
 *     {"gcpo":1,"programs":[{"program":"gcpo-rollout","version":"0.1.0","options":{...},...},...]}
 *
 * One line per program that the stream went through, oldest first.  No time
 * stamps, no host names, no paths: equal runs give equal bytes. */
#ifndef STREAM_PROVENANCE_H
#define STREAM_PROVENANCE_H

#include "base/json.h"

enum { PROVENANCE_FORMAT = 1 };

/* A program's line.  extra: further members as raw JSON ("\"model\":\"...\""), or empty. */
void provenance_line(struct buf *out, const char *program, struct str options, struct str extra);

/* The head of an output segment: the input's programs (input n = 0: none) and this line. */
void provenance_head(struct buf *out, struct str input_head, struct str line);

/* Refuses a head of a later format, or one without "programs". */
bool provenance_check(struct str head, struct err *e) MUST_CHECK;

/* The members by which a program that ran a model says which and how:
 *     "model":"DIGEST","device":"cpu avx512","precision":"exact","kv":"f32" */
void provenance_engine(struct buf *out, const char *digest, const char *device,
                       const char *precision, const char *kv);

/* The newest line of the given program in a head, as a raw object; false if there is none. */
bool provenance_find(struct str head, const char *program, struct str *line);

#endif
