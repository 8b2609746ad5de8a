/* goldsums.h - what golds come to in sum, for people and as JSON. */
#ifndef TASK_GOLDSUMS_H
#define TASK_GOLDSUMS_H

#include "report/lengths.h"
#include "task/goldcheck.h"

struct goldsums { /* {0} is empty */
    uint64_t records, golds, appended, verdicts[N_VERDICTS];
    uint64_t boxed, bare, cut, spells_end, goes_on;
    uint64_t no_tags, one_thought, other_tags;
    uint64_t fates[N_SETTINGS][N_FATES];
    uint64_t in_tokens;
    struct lengths gold, policy;              /* in tokens if in_tokens == golds */
    struct lengths ratio;                     /* thousandths */
    struct lengths surprise, policy_surprise; /* thousandths of a nat */
};

enum { GOLD_GOES_ON = 200 /* code points behind the last box: it goes on behind the answer */ };

void goldsums_add(struct goldsums *s, const struct goldcheck *c);
void goldsums_free(struct goldsums *s);
void goldsums_print(const struct goldsums *s, bool limits_checked, struct buf *out);
void goldsums_print_json(const struct goldsums *s, struct buf *out);
void goldcheck_print_json(const struct goldcheck *c, struct str id, struct buf *out); /* a line */

#endif
