/* chat_format.h - what a file of text/chat/ gives, and what it may use.
 *
 * A format NAME is one file, text/chat/NAME.c, that defines chat_NAME; the build
 * collects the folder, and the file's name is the value of --chat. */
#ifndef TEXT_CHAT_FORMAT_H
#define TEXT_CHAT_FORMAT_H

#include "text/chat.h"
#include "text/chat_template.h"

struct chat {
    const struct chat_format *format;
    struct buf system;   /* default system text; empty: none */
    struct buf bos;      /* what the template prints as bos_token; empty: nothing */
    struct buf preamble; /* what every system text begins with; only of formats that have it */
    bool trims;          /* contents without white space at their ends */
    bool opens_thought;  /* the assistant's turn begins with <think> */
};

struct chat_format {
    const char *end;      /* the token that ends a turn; NULL: none */
    const char *needs[4]; /* tokens without which the format makes no sense */
    bool wrap;            /* encoded with what the tokenizer's post-processor adds */

    /* What holds where there is no template of this format to say otherwise. */
    bool bos, trims, opens_thought;
    const char *preamble;

    /* Whether this template is of the format, and what it says.  Formats are
     * exclusive: of one template at most one says yes. */
    bool (*recognise)(const struct chat_template *t, struct chat *c);

    bool (*render)(const struct chat *c, const struct chat_message *m, size_t n,
                   const struct chat_options *o, struct chat_text *out, struct err *e);
};

void chat_put(struct chat_text *out, struct str markup);         /* the format's own */
void chat_put_text(struct chat_text *out, struct str from_user); /* never control tokens */

bool chat_is(const struct chat_message *m, const char *role);
bool chat_refuse_role(const struct chat_message *m, const char *format, struct err *e);

/* Slices: without '\n' at an end, without what Python calls white space at both. */
struct str chat_strip_newlines(struct str s, bool left, bool right);
struct str chat_strip(struct str s);

/* What the formats of Llama 3 share. */
bool llama3_prints_messages(const struct chat_template *t);
void llama3_turn(struct chat_text *out, struct str role, struct str content);

/* What several formats of the <|im_start|> kind share. */
bool chatml_prints_messages(const struct chat_template *t);
void chatml_read(const struct chat_template *t, struct chat *c);
void chatml_turn(struct chat_text *out, struct str role, struct str content);
void chatml_tool(const struct chat_message *m, size_t n, size_t i, struct chat_text *out);

#endif
