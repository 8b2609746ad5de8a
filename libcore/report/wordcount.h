/* wordcount.h - how often each of a few words occurred (fates of golds, verdicts). */
#ifndef REPORT_WORDCOUNT_H
#define REPORT_WORDCOUNT_H

#include "base/str.h"

enum {
    WORDS_MAX = 64,       /* different words that are told apart; the rest counts as WORDS_REST */
    WORD_LENGTH_MAX = 60, /* bytes that are kept of a word */
};
#define WORDS_REST "(other)"

struct word {
    char text[WORD_LENGTH_MAX + 1];
    uint64_t count;
};

struct words { /* {0} is empty; sorted by text */
    struct word *w;
    size_t n;
};

void words_add(struct words *words, struct str s);
void words_free(struct words *words);

#endif
