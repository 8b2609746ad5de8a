/* wordcount.c - see wordcount.h. */
#include "report/wordcount.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void words_add(struct words *words, struct str s)
{
    struct word new = {.count = 1};
    s = str_slice(s, 0, s.n < WORD_LENGTH_MAX ? s.n : WORD_LENGTH_MAX);
    memcpy(new.text, s.p, utf8_valid_prefix(s));
    for (;;) {
        size_t at = 0;
        while (at < words->n && strcmp(words->w[at].text, new.text) < 0)
            at++;
        if (at < words->n && strcmp(words->w[at].text, new.text) == 0) {
            words->w[at].count++;
            return;
        }
        if (words->n < WORDS_MAX || strcmp(new.text, WORDS_REST) == 0) {
            words->w = xrealloc(words->w, words->n + 1, sizeof *words->w);
            memmove(words->w + at + 1, words->w + at, (words->n - at) * sizeof *words->w);
            words->w[at] = new;
            words->n++;
            return;
        }
        strcpy(new.text, WORDS_REST);
    }
}

void words_free(struct words *words)
{
    free(words->w);
    *words = (struct words){0};
}
