/* prompter.h - what the model is shown: a record's prompt as text and as ids.
 *
 * A record says `messages`, or `prompt`, which is one message of the user; a
 * record with neither may carry `prompt_tokens`, which are taken as they are.
 * The system text is the record's `system`, else a system message that stands
 * first, else --system, else the checkpoint's own default. */
#ifndef TASK_PROMPTER_H
#define TASK_PROMPTER_H

#include "base/opt.h"
#include "stream/record.h"
#include "text/chat.h"

struct prompter_options {
    const char *chat;   /* a format's name; NULL: recognised from the checkpoint */
    const char *system; /* NULL: none */
    const char *suffix; /* put behind the last message of the user; NULL: none */
    bool no_thinking;
    bool trust_text; /* user text may spell control tokens */
};

/* The options above, for a program's table. */
#define PROMPTER_OPTIONS(p)                                                                        \
    OPT_HEADING("Prompt"),                                                                         \
        OPT_STRING(0, "chat", "NAME", &(p)->chat,                                                  \
                   "chat format, or plain; default: as the model's template says"),                \
        OPT_STRING(0, "system", "TEXT", &(p)->system, "system text, where the record has none"),   \
        OPT_STRING(0, "suffix", "TEXT", &(p)->suffix, "text behind the user's last message"),      \
        OPT_SWITCH(0, "no-think", &(p)->no_thinking,                                               \
                   "close the thought before it begins, where the format can"),                    \
        OPT_SWITCH(0, "trust-text", &(p)->trust_text,                                              \
                   "text that spells a control token becomes that token")

struct prompter;

struct prompter *prompter_open(const char *model, const struct prompter_options *o,
                               struct err *e) MUST_CHECK;
void prompter_close(struct prompter *p); /* accepts NULL */

const struct tokenizer *prompter_tokenizer(const struct prompter *p);
const struct chat *prompter_chat(const struct prompter *p);
int32_t prompter_end(const struct prompter *p); /* the token that ends a turn; -1: none */

/* The ids, and the text if text is not NULL, in the group's arena.  Errors are
 * ERR_DATA and name the field. */
bool prompter_render(struct prompter *p, const struct group *g, struct str *text, int32_t **ids,
                     size_t *n, struct err *e) MUST_CHECK;

#endif
