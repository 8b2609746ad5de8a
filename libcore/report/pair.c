/* pair.c - see pair.h. */
#include "report/pair.h"
#include "base/mem.h"
#include "report/bootstrap.h"

#include <stdlib.h>
#include <string.h>

struct kind { /* a way in which a prompt came out on both sides */
    uint32_t an, ac, bn, bc;
    uint64_t count;
};

static int compare_kinds(const void *a, const void *b)
{
    const struct kind *x = a, *y = b;
    const uint32_t u[] = {x->an, x->ac, x->bn, x->bc}, v[] = {y->an, y->ac, y->bn, y->bc};
    for (int i = 0; i < 4; i++)
        if (u[i] != v[i])
            return u[i] < v[i] ? -1 : 1;
    return 0;
}

/* The kinds with their counts, sorted; the caller frees. */
static struct kind *join(const struct idtable *a, const struct idtable *b, struct pair *out,
                         size_t *n_kinds)
{
    struct kind *kinds = xcalloc(a->n + 1, sizeof *kinds);
    size_t n = 0;
    for (size_t i = 0; i < a->cap; i++) {
        const struct id_entry *x = &a->slot[i], *y;
        if (!x->key || !x->n)
            continue;
        if (!(y = idtable_find(b, x->key)) || !y->n) {
            out->only_a++;
            continue;
        }
        kinds[n++] = (struct kind){x->n, x->c, y->n, y->c, 1};
        double left = (double)x->c / x->n, right = (double)y->c / y->n;
        out->better += right > left;
        out->equal += right == left;
        out->worse += right < left;
    }
    for (size_t i = 0; i < b->cap; i++) {
        const struct id_entry *y = &b->slot[i], *x;
        out->only_b += y->key && y->n && (!(x = idtable_find(a, y->key)) || !x->n);
    }
    out->both = n;
    qsort(kinds, n, sizeof *kinds, compare_kinds);
    *n_kinds = 0;
    for (size_t i = 0; i < n; i++)
        if (*n_kinds && compare_kinds(&kinds[*n_kinds - 1], &kinds[i]) == 0)
            kinds[*n_kinds - 1].count++;
        else
            kinds[(*n_kinds)++] = kinds[i];
    return kinds;
}

static void fill(struct bootstrap *b, const struct kind *kinds, const struct pair *p)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct kind *k = &kinds[i];
        b->count[i] = k->count;
        for (size_t r = 0; r < p->n_rows; r++) {
            uint32_t draws = p->row[r].k;
            size_t at = i * b->n_statistics + 3 * r;
            if (draws && (k->an < draws || k->bn < draws))
                continue;
            double left = draws ? pass_at_k(k->an, k->ac, draws) : (double)k->ac / k->an;
            double right = draws ? pass_at_k(k->bn, k->bc, draws) : (double)k->bc / k->bn;
            memcpy(&b->value[at], (double[]){left, right, right - left}, 3 * sizeof left);
            memset(&b->takes_part[at], true, 3);
        }
    }
}

/* The mean, and pass@k for the powers of two that some prompt allows on both sides. */
static void choose_rows(struct pair *p, const struct kind *kinds, size_t n)
{
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t least = kinds[i].an < kinds[i].bn ? kinds[i].an : kinds[i].bn;
        most = least > most ? least : most;
    }
    p->n_rows = 0;
    p->row[p->n_rows++].k = 0;
    for (uint32_t k = 2; k && k <= most && p->n_rows < PAIR_ROWS_MAX; k *= 2)
        p->row[p->n_rows++].k = k;
}

void pair_compare(const struct idtable *a, const struct idtable *b, uint32_t replicates,
                  double confidence, uint64_t seed, struct pair *out)
{
    size_t n;
    *out = (struct pair){0};
    struct kind *kinds = join(a, b, out, &n);
    choose_rows(out, kinds, n);
    size_t s = 3 * out->n_rows;
    struct bootstrap boot = {n,
                             xcalloc(n + 1, sizeof *boot.count),
                             s,
                             xcalloc(n + 1, s * sizeof *boot.value),
                             xcalloc(n + 1, s * sizeof *boot.takes_part),
                             replicates};
    struct estimate *e = xcalloc(s, sizeof *e);
    fill(&boot, kinds, out);
    bootstrap_run(&boot, confidence, seed, e);
    for (size_t r = 0; r < out->n_rows; r++) {
        out->row[r].a = e[3 * r];
        out->row[r].b = e[3 * r + 1];
        out->row[r].difference = e[3 * r + 2];
    }
    free(e);
    free(boot.count);
    free(boot.value);
    free(boot.takes_part);
    free(kinds);
}
