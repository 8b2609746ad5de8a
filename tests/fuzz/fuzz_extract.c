/* fuzz_extract.c - a response, under options taken from its first byte: what is
 * extracted is trimmed and within its limit, and there is a reason for nothing. */
#include "answer/answer.h"
#include "answer/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const letters[] = {"A", "B", "C", "D"};
    struct arena a = {0};
    struct answer_options o = answer_defaults();
    struct answer_judgement j;
    if (!n)
        return 0;
    o.last_number = data[0] & 1;
    o.require_box = data[0] & 2;
    o.keep_reasoning = data[0] & 4;
    o.delimiter = data[0] & 8 ? "###" : NULL;
    o.type = data[0] & 16 ? ANSWER_CHOICE : ANSWER_MATH;
    if (data[0] & 32) {
        o.targets = ANSWER_STRING;
        o.strings = letters;
        o.n_strings = 4;
    }
    struct answer_reference *r = answer_reference_new(&a, STR("B"), &o);
    answer_judge(r, &a, (struct str){(const char *)data + 1, n - 1}, &j);
    ASSERT(j.why);
    ASSERT(j.has_extracted == (j.verdict == ANSWER_IS_CORRECT || j.verdict == ANSWER_IS_WRONG));
    ASSERT(!j.has_extracted || (j.extracted.n > 0 && j.extracted.n <= ANSWER_BYTES_MAX));
    arena_free(&a);
    return 0;
}
