/* tokenizer_parts.h - struct tokenizer, shared by tokenizer.c, which works with
 * it, and tokenizer_json.c, which reads it. */
#ifndef TEXT_TOKENIZER_PARTS_H
#define TEXT_TOKENIZER_PARTS_H

#include "text/added.h"
#include "text/pretoken.h"
#include "text/tokenizer.h"

struct tokenizer {
    struct bpe *bpe;
    struct pretoken *pretoken;
    struct added *added;
    const struct added_token **added_by_id; /* size of them; NULL: not an added token */
    struct str *bytes;                      /* by id, what a token decodes to */
    struct buf added_bytes;                 /* that of added tokens */
    int32_t size, last_added;               /* ids: all are below; the largest of added tokens */
    bool nfc;
    struct ids before, after; /* what the post-processor puts around a text */
};

#endif
