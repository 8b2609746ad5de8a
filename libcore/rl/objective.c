/* objective.c - the switches: text to values and back. */
#include "rl/objective.h"

#include "base/num.h"
#include "rl/surrogate.h"

#include <stddef.h>

struct word {
    const char *name;
    int value;
};

static const struct word ratio_words[] = {{"token", RATIO_TOKEN},
                                          {"sequence-mean", RATIO_SEQUENCE_MEAN},
                                          {"sequence-token", RATIO_SEQUENCE_TOKEN},
                                          {"sequence-sum", RATIO_SEQUENCE_SUM},
                                          {NULL, 0}};
static const struct word aggregate_words[] = {
    {"token-mean", AGGREGATE_TOKEN_MEAN},
    {"seq-mean-token-mean", AGGREGATE_SEQ_MEAN_TOKEN_MEAN},
    {"seq-mean-token-sum", AGGREGATE_SEQ_MEAN_TOKEN_SUM},
    {"constant", AGGREGATE_CONSTANT},
    {NULL, 0}};
static const struct word rows_words[] = {
    {"all", ROWS_ALL}, {"active", ROWS_ACTIVE}, {"gold", ROWS_GOLD}, {NULL, 0}};
static const struct word kl_words[] = {{"off", KL_OFF}, {"k1", KL_K1},   {"k2", KL_K2},
                                       {"k3", KL_K3},   {"abs", KL_ABS}, {NULL, 0}};
static const struct word old_words[] = {
    {"policy", GOLD_OLD_POLICY}, {"current", GOLD_OLD_CURRENT}, {"one", GOLD_OLD_ONE}, {NULL, 0}};
static const struct word shape_words[] = {{"none", SHAPE_NONE},   {"saturating", SHAPE_SATURATING},
                                          {"log", SHAPE_LOG},     {"sqrt", SHAPE_SQRT},
                                          {"power", SHAPE_POWER}, {NULL, 0}};
static const struct word switch_words[] = {{"off", 0}, {"on", 1}, {NULL, 0}};

/* A level and whether it masks, in one word. */
enum { MASKS = 16 };
static const struct word mismatch_words[] = {{"off", MISMATCH_OFF},
                                             {"token-truncate", MISMATCH_TOKEN},
                                             {"token-mask", MISMATCH_TOKEN | MASKS},
                                             {"sequence-truncate", MISMATCH_SEQUENCE},
                                             {"sequence-mask", MISMATCH_SEQUENCE | MASKS},
                                             {"token-by-mean", MISMATCH_TOKEN_BY_MEAN},
                                             {NULL, 0}};

/* What a switch holds, by its kind. */
enum kind { WORD, FLAG, REAL, REAL_OR_OFF, RANGE, SURROGATE, MISMATCH };

struct entry {
    enum kind kind;
    size_t offset; /* in struct objective */
    const struct word *words;
    double low, high; /* of REAL */
};

#define AT(member) offsetof(struct objective, member)

static const struct objective_switch list[] = {
    {"surrogate", "NAME", "ppo-clip|cispo|luffy|reinforce|nll", "shape of the loss", "ppo-clip"},
    {"ratio", "NAME", "token|sequence-mean|sequence-token|sequence-sum", "level of the ratio",
     "token"},
    {"clip-policy", "LOW,HIGH", "LOW,HIGH|off",
     "clip range of the policy's rows: 1 - LOW to 1 + HIGH", "0.2,0.2"},
    {"clip-gold", "LOW,HIGH", "LOW,HIGH|off", "clip range of gold rows", "0.2,0.2"},
    {"dual-clip", "X", "X|off", "cap of the loss at -X A where A < 0", "off"},
    {"ratio-cap", "X", "X|off", "cap of the ratio in the unclipped branch", "off"},
    {"aggregate", "NAME", "token-mean|seq-mean-token-mean|seq-mean-token-sum|constant",
     "how tokens are averaged", "token-mean"},
    {"constant-length", "N", "N", "row length of aggregate constant; 0: the longest max_tokens",
     "0"},
    {"denominator", "NAME", "all|active|gold",
     "rows that count: all, of groups with contrast, golds", "all"},
    {"kl", "NAME", "off|k1|k2|k3|abs", "estimate of KL(policy || reference) by ref_logprobs",
     "off"},
    {"kl-coef", "X", "X", "weight of the KL term", "0"},
    {"kl-weighted", "on|off", "on|off", "multiply the KL term by the ratio", "off"},
    {"entropy-coef", "X", "X", "weight of the entropy bonus", "0"},
    {"mask-truncated", "on|off", "on|off", "leave out rows cut off by the length limit", "off"},
    {"off-policy-delta", "X", "X|off", "drop rows with A < 0 further than X from the sampler",
     "off"},
    {"gold-old", "NAME", "policy|current|one", "what stands for a gold's old log-probability",
     "policy"},
    {"gold-shape", "NAME", "none|saturating|log|sqrt|power",
     "f of a gold's ratio (surrogate luffy)", "none"},
    {"gold-gamma", "X", "X", "parameter of the shape", "0.1"},
    {"gold-cap", "X", "X|off", "upper bound of the shaped ratio", "off"},
    {"gold-negatives", "X", "X", "weight of the wrong rows beside a gold", "1"},
    {"sft-weight", "X", "X", "weight of -log pi on gold rows, added to the loss", "0"},
    {"mismatch", "NAME",
     "off|token-truncate|token-mask|sequence-truncate|sequence-mask|token-by-mean",
     "weights for the distance of sampler and trainer", "off"},
    {"mismatch-low", "X", "X", "lower bound of the weight", "0"},
    {"mismatch-high", "X", "X", "upper bound of the weight", "2"},
    {"mismatch-normalise", "on|off", "on|off", "divide the weights by their mean over the step",
     "off"},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct entry entries[] = {
    {SURROGATE, AT(loss.surrogate), NULL, 0, 0},
    {WORD, AT(loss.ratio), ratio_words, 0, 0},
    {RANGE, AT(loss.clip_policy), NULL, 0, 0},
    {RANGE, AT(loss.clip_gold), NULL, 0, 0},
    {REAL_OR_OFF, AT(loss.dual_clip), NULL, 1, 1e6},
    {REAL_OR_OFF, AT(loss.ratio_cap), NULL, 1, 1e6},
    {WORD, AT(loss.aggregate), aggregate_words, 0, 0},
    {REAL, AT(constant_length), NULL, 0, 1e9},
    {WORD, AT(loss.rows), rows_words, 0, 0},
    {WORD, AT(loss.kl), kl_words, 0, 0},
    {REAL, AT(loss.kl_coef), NULL, 0, 1e6},
    {FLAG, AT(loss.kl_weighted), switch_words, 0, 0},
    {REAL, AT(loss.entropy_coef), NULL, -1e6, 1e6},
    {FLAG, AT(loss.mask_truncated), switch_words, 0, 0},
    {REAL_OR_OFF, AT(loss.off_policy_delta), NULL, 0, 1e6},
    {WORD, AT(loss.gold_old), old_words, 0, 0},
    {WORD, AT(loss.gold_shape), shape_words, 0, 0},
    {REAL, AT(loss.gold_gamma), NULL, 1e-9, 1e6},
    {REAL_OR_OFF, AT(loss.gold_cap), NULL, 0, 1e6},
    {REAL, AT(loss.gold_negatives), NULL, 0, 1e6},
    {REAL, AT(loss.sft_weight), NULL, 0, 1e6},
    {MISMATCH, AT(mismatch), mismatch_words, 0, 0},
    {REAL, AT(mismatch.low), NULL, 0, 1e6},
    {REAL, AT(mismatch.high), NULL, 0, 1e6},
    {FLAG, AT(mismatch_normalise), switch_words, 0, 0},
};

_Static_assert(sizeof list / sizeof *list == sizeof entries / sizeof *entries + 1,
               "a switch has one line in each table");

const struct objective_switch *objective_switches(void)
{
    return list;
}

static const struct entry *entry_of(const char *name)
{
    for (size_t i = 0; list[i].name; i++)
        if (str_is(str_of(list[i].name), name))
            return &entries[i];
    return NULL;
}

static bool word_value(const struct word *words, struct str s, int *out)
{
    for (size_t i = 0; words[i].name; i++)
        if (str_is(s, words[i].name)) {
            *out = words[i].value;
            return true;
        }
    return false;
}

static const char *word_name(const struct word *words, int value)
{
    size_t i = 0;
    while (words[i].name && words[i].value != value)
        i++;
    return words[i].name;
}

static bool parse_range(struct str s, struct clip_range *out)
{
    if (str_is(s, "off")) {
        out->on = false;
        return true;
    }
    size_t comma = str_find(s, STR(","), 0);
    double low, high;
    if (comma == STR_NONE || !num_parse_double(str_slice(s, 0, comma), &low) ||
        !num_parse_double(str_slice(s, comma + 1, s.n), &high) || !(low >= 0) || !(high >= 0))
        return false;
    *out = (struct clip_range){true, low, high};
    return true;
}

/* Enumerations of the objective are ints in memory only by way of this pair. */
static void put_word(void *at, const struct word *words, int v)
{
    if (words == ratio_words)
        *(enum loss_ratio *)at = (enum loss_ratio)v;
    else if (words == aggregate_words)
        *(enum loss_aggregate *)at = (enum loss_aggregate)v;
    else if (words == rows_words)
        *(enum loss_rows *)at = (enum loss_rows)v;
    else if (words == kl_words)
        *(enum kl_kind *)at = (enum kl_kind)v;
    else if (words == old_words)
        *(enum gold_old *)at = (enum gold_old)v;
    else
        *(enum gold_shape *)at = (enum gold_shape)v;
}

static int take_word(const void *at, const struct word *words)
{
    if (words == ratio_words)
        return (int)*(const enum loss_ratio *)at;
    if (words == aggregate_words)
        return (int)*(const enum loss_aggregate *)at;
    if (words == rows_words)
        return (int)*(const enum loss_rows *)at;
    if (words == kl_words)
        return (int)*(const enum kl_kind *)at;
    if (words == old_words)
        return (int)*(const enum gold_old *)at;
    return (int)*(const enum gold_shape *)at;
}

static bool set_value(const struct entry *t, void *at, struct str value)
{
    int word;
    double x;
    switch (t->kind) {
    case SURROGATE: {
        const struct surrogate *s = surrogate_find(value);
        if (s)
            *(const struct surrogate **)at = s;
        return s != NULL;
    }
    case WORD:
        if (!word_value(t->words, value, &word))
            return false;
        put_word(at, t->words, word);
        return true;
    case FLAG:
        if (!word_value(t->words, value, &word))
            return false;
        *(bool *)at = word != 0;
        return true;
    case MISMATCH:
        if (!word_value(t->words, value, &word))
            return false;
        ((struct mismatch_options *)at)->level = (enum mismatch_level)(word & ~MASKS);
        ((struct mismatch_options *)at)->mask = (word & MASKS) != 0;
        return true;
    case RANGE: return parse_range(value, at);
    case REAL_OR_OFF:
        if (str_is(value, "off")) {
            *(double *)at = 0;
            return true;
        }
        if (!num_parse_double(value, &x) || !(x > 0) || x < t->low || x > t->high)
            return false;
        *(double *)at = x;
        return true;
    case REAL:
        if (!num_parse_double(value, &x) || x < t->low || x > t->high)
            return false;
        *(double *)at = x;
        return true;
    }
    return false;
}

bool objective_set(struct objective *o, const char *name, struct str value, struct err *e)
{
    const struct entry *t = entry_of(name);
    if (!t)
        return err_set(e, ERR_USAGE, "there is no switch '%s'", name);
    if (set_value(t, (char *)o + t->offset, value))
        return true;
    return err_set(e, ERR_USAGE, "--%s: not a value of it (seen '%.*s', expected %s)", name,
                   STR_ARG(value), list[t - entries].values);
}

static void put_real(struct buf *out, double v)
{
    char text[NUM_MAX];
    buf_put(out, text, num_print_double(text, v));
}

void objective_get(const struct objective *o, const char *name, struct buf *out)
{
    const struct entry *t = entry_of(name);
    ASSERT(t);
    const void *at = (const char *)o + t->offset;
    switch (t->kind) {
    case SURROGATE: buf_puts(out, (*(const struct surrogate *const *)at)->name); break;
    case WORD: buf_puts(out, word_name(t->words, take_word(at, t->words))); break;
    case FLAG: buf_puts(out, *(const bool *)at ? "on" : "off"); break;
    case MISMATCH: {
        const struct mismatch_options *m = at;
        buf_puts(out, word_name(t->words, (int)m->level | (m->mask ? MASKS : 0)));
        break;
    }
    case RANGE: {
        const struct clip_range *c = at;
        if (!c->on) {
            buf_puts(out, "off");
            break;
        }
        put_real(out, c->low);
        buf_putc(out, ',');
        put_real(out, c->high);
        break;
    }
    case REAL_OR_OFF:
        if (*(const double *)at == 0) {
            buf_puts(out, "off");
            break;
        }
        put_real(out, *(const double *)at);
        break;
    case REAL: put_real(out, *(const double *)at); break;
    }
}

struct objective objective_defaults(void)
{
    struct objective o = {.loss = loss_defaults()};
    struct err e = ERR_NONE;
    for (size_t i = 0; list[i].name; i++)
        ASSERT(objective_set(&o, list[i].name, str_of(list[i].neutral), &e));
    return o;
}
