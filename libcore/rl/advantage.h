/* advantage.h - rewards of a group to advantages.
 *
 * A rule is one file of rl/advantage/.  Its first stage sees one group; a batch
 * rule then rescales all groups by statistics of the whole batch:
 *
 *     for each group:  advantage_group(); advantage_collect();      first pass
 *     for each group:  advantage_finish();                          second pass
 *
 * collect and finish do nothing for rules without a batch stage.  What holds for
 * every rule: unscorable rows get 0 and count in nothing; rewards that are all
 * exactly equal give exactly 0 (tested as max == min, never by a small standard
 * deviation); a group with one scorable row has no contrast and gives 0, unless
 * `single` asks for the reward itself, as verl and LUFFY give. */
#ifndef RL_ADVANTAGE_H
#define RL_ADVANTAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "rl/wmoments.h"

struct advantage_row {
    double reward; /* finite where scorable */
    double length; /* tokens; used by opo and by token whitening */
    bool scorable; /* false: the row is out of everything */
    bool gold;     /* not the policy's */
};

enum advantage_single { ADV_SINGLE_ZERO, ADV_SINGLE_REWARD };

enum advantage_whiten { /* rescaling to mean 0 and variance 1 over the batch */
                        ADV_WHITEN_OFF,
                        ADV_WHITEN_ROWS,   /* each row counts once */
                        ADV_WHITEN_TOKENS, /* each token counts once: long rows weigh more */
};

enum advantage_root {                   /* how epsilon enters the batch's standard deviation */
                      ADV_STD_PLUS,     /* sqrt(var) + eps */
                      ADV_VAR_PLUS,     /* sqrt(var + eps) */
                      ADV_VAR_AT_LEAST, /* sqrt(max(var, eps)) */
};

struct advantage_options {
    double epsilon;   /* added to the group's (batch-std: the batch's) standard deviation */
    double var_floor; /* the group's variance is at least this; 0: no floor */
    bool biased;      /* divide sums of squares by n, not by n - 1 */
    bool gold_apart;  /* mean and std over the policy's rows only (LUFFY's "split") */
    enum advantage_single single;
    enum advantage_whiten whiten;
    enum advantage_root whiten_root;
    double whiten_epsilon;
    double whiten_count; /* added to the count that mean and variance divide by (verl: 1e-8);
                          * equal values then leave a residue.  0: none */
    bool whiten_biased;
};

struct advantage_rule {
    const char *name;
    const char *summary; /* the formula in a line */
    struct advantage_options defaults;
    bool batch_std; /* divided by the standard deviation of the batch's rewards */
    bool lengths;   /* the rule reads row lengths, whitening apart */
    /* NULL: the reward itself.  Called only for groups with contrast or with a lone row
     * that `single` wants; what it writes for unscorable rows is overwritten with 0. */
    void (*group)(const struct advantage_options *o, const struct advantage_row *rows, size_t n,
                  double *adv);
};

const struct advantage_rule *advantage_find(struct str name); /* NULL if there is none */
const struct advantage_rule *const *advantage_rules(void);    /* ends with NULL */
const char *const *advantage_names(void);                     /* ends with NULL */

struct advantage_batch {
    struct wmoments rewards; /* of scorable rows, for batch_std */
    struct wmoments values;  /* of first-stage values, for whitening */
};

/* True if the second pass changes anything. */
bool advantage_is_batch(const struct advantage_rule *rule, const struct advantage_options *o);
bool advantage_uses_lengths(const struct advantage_rule *rule, const struct advantage_options *o);

void advantage_group(const struct advantage_rule *rule, const struct advantage_options *o,
                     const struct advantage_row *rows, size_t n, double *adv);
void advantage_collect(const struct advantage_rule *rule, const struct advantage_options *o,
                       const struct advantage_row *rows, size_t n, const double *adv,
                       struct advantage_batch *b);
void advantage_finish(const struct advantage_rule *rule, const struct advantage_options *o,
                      const struct advantage_batch *b, const struct advantage_row *rows, size_t n,
                      double *adv);

/* REINFORCE++ with a discount: every token's return is gamma^(tokens after it) times the row's
 * value, whitened over the batch's tokens.  collect_token is the first pass, token the second:
 * the advantage of token t of a row of `length` tokens. */
void advantage_collect_tokens(double value, size_t length, double gamma, struct wmoments *m);
double advantage_token(const struct advantage_options *o, const struct wmoments *m, double value,
                       size_t length, size_t t, double gamma);

/* For the rules: statistics of the rows that count. */
struct advantage_spread {
    size_t n;
    double min, max;
    double mean, std; /* equal rewards: mean is exactly they, std exactly 0 (gold_apart: 1);
                       * of a lone row under ADV_SINGLE_REWARD: 0 and 1 */
};
struct advantage_spread advantage_spread(const struct advantage_options *o,
                                         const struct advantage_row *rows, size_t n);

#endif
