/* digest.c - see digest.h. */
#include "report/digest.h"

#include <stdlib.h>
#include <string.h>

struct votes {
    struct str text;
    uint32_t n, correct;
};

static int compare_votes(const void *a, const void *b)
{
    return str_cmp(((const struct votes *)a)->text, ((const struct votes *)b)->text);
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t c = a % b;
        a = b;
        b = c;
    }
    return a;
}

/* The vote among extracted answers, equal as strings.  Ties are shared: the value
 * is the correct share of all votes for the winners, so order does not matter.
 * Without any vote the value is 0. */
static void count_votes(struct votes *v, size_t n, struct rate *rate)
{
    uint32_t most = 0, vote = 0, of = 0;
    qsort(v, n, sizeof *v, compare_votes);
    for (size_t i = 0, k; i < n; i = k) {
        uint32_t votes = 0, correct = 0;
        for (k = i; k < n && str_eq(v[i].text, v[k].text); k++) {
            votes += v[k].n;
            correct += v[k].correct;
        }
        if (votes > most)
            most = votes, vote = of = 0;
        if (votes == most)
            vote += correct, of += votes;
    }
    uint32_t common = of ? gcd(vote, of) : 1;
    rate->vote = vote / common;
    rate->of = of ? of / common : 1;
}

static bool measure(struct arena *a, const struct object *r, const char *where,
                    struct digest_response *out, struct err *e)
{
    bool has;
    struct str text;
    const struct str *tokens = object_get(r, F_TOKENS);
    if (tokens && json_type(*tokens) == JSON_ARRAY) {
        out->in_tokens = true;
        out->length = json_count(*tokens);
        return true;
    }
    if (!get_string(a, r, where, F_TEXT, &has, &text, e))
        return false;
    for (size_t i = 0; has && i < text.n; out->length++)
        utf8_next(text, &i);
    return true;
}

/* One response of the policy; its vote, if it has one, goes to votes[*n_votes]. */
static bool add_response(struct arena *a, const struct object *r, size_t i, struct digest *d,
                         struct votes *votes, size_t *n_votes, struct err *e)
{
    const char *where = response_where(a, i);
    struct digest_response *out = &d->response[d->n++];
    enum finish finish;
    bool has;
    struct str extracted;
    *out = (struct digest_response){0};
    if (!get_verdict(a, r, where, F_VERDICT, &out->verdict, e) ||
        !get_finish(a, r, where, &finish, e) || !measure(a, r, where, out, e) ||
        !get_string(a, r, where, F_EXTRACTED, &has, &extracted, e))
        return false;
    out->truncated = finish == FINISH_LENGTH;
    d->judged |= out->verdict != VERDICT_ABSENT;
    d->rate.n += verdict_is_scorable(out->verdict);
    d->rate.c += out->verdict == VERDICT_CORRECT;
    if (has && verdict_is_scorable(out->verdict))
        votes[(*n_votes)++] = (struct votes){extracted, 1, out->verdict == VERDICT_CORRECT};
    return true;
}

static bool read_number(const struct object *r, const char *where, const char *name, bool *has,
                        double *out, struct err *e)
{
    const struct str *v = object_get_name(r, name);
    bool truth;
    *has = v && json_type(*v) != JSON_NULL;
    if (!*has || json_double(*v, out))
        return true;
    if (!json_bool(*v, &truth))
        return err_set(e, ERR_DATA, "\"%s%s\" is %s (expected a finite number)", where, name,
                       json_type_name(json_type(*v)));
    *out = truth;
    return true;
}

static bool read_numbers(const struct group *g, const struct digest_field *fields, size_t n_fields,
                         struct digest *d, struct err *e)
{
    d->number = arena_array(g->arena, n_fields * g->n_responses, sizeof *d->number);
    d->n_numbers = arena_array(g->arena, n_fields, sizeof *d->n_numbers);
    for (size_t f = 0; f < n_fields; f++) {
        double *out = d->number + f * g->n_responses;
        d->n_numbers[f] = 0;
        for (size_t i = 0; i < g->n_responses; i++) {
            struct object displaced;
            const struct object *r = fields[f].of_rows ? &g->responses[i]
                                                       : policy_response(g, i, &displaced);
            bool has = false;
            if (r && !read_number(r, response_where(g->arena, i), fields[f].name, &has,
                                  &out[d->n_numbers[f]], e))
                return false;
            d->n_numbers[f] += r && has;
        }
    }
    return true;
}

static bool judge(const struct group *g, struct digest *d, struct err *e)
{
    struct outcome o;
    d->judged |= d->golds && !d->n; /* golds alone: there is nothing to compare */
    if (!d->judged)
        return true;
    if (!group_outcome(g, &o, e))
        return false;
    d->contrast = o.contrast;
    d->all_truncated = o.contrast == CONTRAST_ALL_WRONG && o.truncated == o.n;
    return true;
}

bool digest_group(const struct group *g, const struct digest_field *fields, size_t n_fields,
                  struct digest *d, struct err *e)
{
    struct arena *a = g->arena;
    *d = (struct digest){.n_rows = g->n_responses};
    d->response = arena_array(a, g->n_responses, sizeof *d->response);
    struct votes *votes = arena_array(a, g->n_responses, sizeof *votes);
    size_t n_votes = 0;
    for (size_t i = 0; i < g->n_responses; i++) {
        struct object displaced;
        const struct object *r = policy_response(g, i, &displaced);
        d->golds += r != &g->responses[i];
        if (r && !add_response(a, r, i, d, votes, &n_votes, e))
            return false;
    }
    count_votes(votes, n_votes, &d->rate);
    d->rate.count = 1;
    return judge(g, d, e) && read_numbers(g, fields, n_fields, d, e) &&
           get_string(a, &g->top, "", F_GOLD_FATE, &d->has_fate, &d->fate, e) &&
           get_verdict(a, &g->top, "", F_GOLD_VERDICT, &d->gold_verdict, e);
}
