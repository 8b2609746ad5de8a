/* chat_template.h - what a Jinja template prints, without running it. */
#ifndef TEXT_CHAT_TEMPLATE_H
#define TEXT_CHAT_TEMPLATE_H

#include <stdbool.h>

#include "base/str.h"

enum { CHAT_TEMPLATE_MAX = 1 << 18 }; /* bytes */

/* The skeleton is the text outside tags, after Jinja's rules for white space
 * (trim_blocks and lstrip_blocks on), and the strings that {{ }} and {% set %}
 * print, in the order of the source.  Whatever is computed is a HOLE, whatever is
 * decided - a block tag - a BREAK.  So '<|im_start|>' + m.role + '\n' is
 * "<|im_start|>" HOLE "\n", however the template spells it. */
#define HOLE  "\001"
#define BREAK "\002"

struct chat_template {
    struct str source;
    struct str skeleton;
};

/* Appends the skeleton of a template to *out. */
void chat_skeleton(struct str source, struct buf *out);

bool template_prints(const struct chat_template *t, const char *skeleton);
bool template_says(const struct chat_template *t, const char *source);

/* The text without holes and breaks between two strings of the skeleton, where it
 * is not empty; empty if there is none. */
struct str template_between(const struct chat_template *t, const char *before, const char *after);

/* True if every <|...|> of the skeleton is one of the names (NULL-terminated,
 * without the marks). */
bool template_uses_only(const struct chat_template *t, const char *const *names);

#endif
