/* chat.h - conversations as the text that a checkpoint was trained on.
 *
 * Templates are not executed.  A checkpoint's template is recognised as one of the
 * formats in text/chat/ by what it prints, and what differs between checkpoints of
 * a format (default system text, BOS, an opened thought) is read from it; then C
 * code renders.  Which parts of the result came from the user is kept, so that
 * text which spells a control token does not become one. */
#ifndef TEXT_CHAT_H
#define TEXT_CHAT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "text/tokenizer.h"

struct chat_message {
    struct str role; /* "system", "user", "assistant", "tool" */
    struct str content;
    struct str reasoning; /* reasoning_content; only if has_reasoning */
    bool has_reasoning;
};

/* The rendered text and the parts of it that are not the format's own. */
struct chat_text {
    struct buf text;
    struct text_span *spans;
    size_t n, cap;
};
void chat_text_reset(struct chat_text *t);
void chat_text_free(struct chat_text *t);

struct chat;

/* name NULL: recognised from chat_template.jinja or tokenizer_config.json of a
 * model directory; without either file's template the format is "plain".  A
 * template that is not recognised is ERR_DATA and names --chat.  name not NULL:
 * that format, with what it needs from the template if that is of this format.
 * ERR_DATA also if the tokenizer has not the format's control tokens. */
struct chat *chat_open(const char *dir, const char *name, const struct tokenizer *t,
                       struct err *e) MUST_CHECK;

/* The same from the text of a template (may be empty) and the text of bos_token. */
struct chat *chat_parse(struct str source, struct str bos, const char *name,
                        struct err *e) MUST_CHECK;
void chat_close(struct chat *c); /* accepts NULL */

const char *chat_name(const struct chat *c);
const char *const *chat_names(void);                  /* all formats; ends with NULL */
struct str chat_default_system(const struct chat *c); /* empty: none */
const char *chat_end(const struct chat *c); /* the token that ends a turn; NULL: none of its own */

struct chat_options {
    bool generate;    /* end with what opens the assistant's turn */
    bool no_thinking; /* where the format can: the thought is already closed */
};

/* Appends to *out.  ERR_DATA: a role or an order that the format has not. */
bool chat_render(const struct chat *c, const struct chat_message *m, size_t n,
                 const struct chat_options *o, struct chat_text *out, struct err *e) MUST_CHECK;

/* The ids of a rendered text, appended to *ids.  trust: user text may spell
 * control tokens, as in the reference software. */
bool chat_encode(const struct chat *c, const struct chat_text *text, bool trust, struct encoder *x,
                 struct ids *ids, struct err *e) MUST_CHECK;

#endif
