/* tally.c - see tally.h. */
#include "report/tally.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

struct tally *tally_new(size_t n_fields)
{
    struct tally *t = xcalloc(1, sizeof *t);
    t->numbers = xcalloc(n_fields + 1, sizeof *t->numbers);
    t->n_fields = n_fields;
    return t;
}

void tally_free(struct tally *t)
{
    if (!t)
        return;
    rates_free(&t->rates);
    for (int c = 0; c < N_LENGTH_CLASSES; c++) {
        lengths_free(&t->tokens[c]);
        lengths_free(&t->characters[c]);
    }
    words_free(&t->fates);
    words_free(&t->gold_verdicts);
    free(t->numbers);
    free(t);
}

static void moments_add(struct moments *m, double v)
{
    m->least = m->n && m->least < v ? m->least : v;
    m->largest = m->n && m->largest > v ? m->largest : v;
    m->first = m->n ? m->first : v;
    m->n++;
    m->sum += v;
    m->sum_off += v - m->first;
    m->sum_off2 += (v - m->first) * (v - m->first);
}

double moments_mean(const struct moments *m)
{
    return m->n ? m->sum / (double)m->n : 0;
}

double moments_std(const struct moments *m)
{
    if (m->n < 2)
        return 0;
    double n = (double)m->n, v = (m->sum_off2 - m->sum_off * m->sum_off / n) / (n - 1);
    return v > 0 ? sqrt(v) : 0;
}

static void add_response(struct tally *t, const struct digest_response *r)
{
    struct lengths *l = r->in_tokens ? t->tokens : t->characters;
    t->responses++;
    t->verdicts[r->verdict]++;
    t->truncated += r->truncated;
    lengths_add(&l[LENGTH_ALL], r->length);
    if (r->verdict == VERDICT_CORRECT)
        lengths_add(&l[LENGTH_CORRECT], r->length);
    if (r->verdict == VERDICT_WRONG || r->verdict == VERDICT_NO_ANSWER)
        lengths_add(&l[LENGTH_WRONG], r->length);
    if (r->truncated)
        lengths_add(&l[LENGTH_TRUNCATED], r->length);
}

void tally_add(struct tally *t, const struct digest *d)
{
    if (d->has_fate)
        words_add(&t->fates, d->fate);
    if (d->gold_verdict != VERDICT_ABSENT)
        words_add(&t->gold_verdicts, str_of(verdict_name(d->gold_verdict)));
    if (!d->n_rows) {
        t->prompts++;
        return;
    }
    if (!t->groups || d->n < t->least_n)
        t->least_n = d->n;
    if (d->n > t->largest_n)
        t->largest_n = d->n;
    t->groups++;
    t->gold_rows += d->golds;
    for (size_t i = 0; i < d->n; i++)
        add_response(t, &d->response[i]);
    for (size_t f = 0; f < t->n_fields; f++)
        for (size_t i = 0; i < d->n_numbers[f]; i++)
            moments_add(&t->numbers[f], d->number[f * d->n_rows + i]);
    if (!d->judged) {
        t->unjudged++;
        return;
    }
    t->contrast[d->contrast]++;
    t->all_truncated += d->all_truncated;
    if (d->rate.n)
        rates_add(&t->rates, d->rate);
}

uint64_t tally_judged(const struct tally *t)
{
    return t->groups - t->unjudged;
}
