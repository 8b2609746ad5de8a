/* sample.c - drawing tokens.
 *
 * Plain sampling needs no sort and one pass: the sums of the blocks that the
 * log-probability needs anyway say in which block the draw falls.  With
 * top-k, top-p or min-p only ids that can survive are ever sorted, and in linear time. */
#include "base/mem.h"
#include "compute/cpu/cpu.h"
#include "compute/elem.h"
#include "compute/exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct candidate {
    float z;
    int32_t id;
};

/* One row's work. */
struct row {
    const struct kernels *k;
    const struct sample_row *o;
    const float *z; /* logits after steps 1 and 2, n of them */
    size_t n;
    struct vocab_part *parts; /* of z */
    size_t n_parts;
    double max, sum;        /* of z over the parts: sum of exp(z - max) */
    struct candidate *kept; /* if filtered: the survivors, rising by id */
    size_t n_kept;
    struct candidate *spare; /* as many as there are ids, like kept */
    float *weights;          /* likewise */
    bool filtered;
};

static size_t n_blocks(size_t v)
{
    return (v + OPS_VOCAB_BLOCK - 1) / OPS_VOCAB_BLOCK;
}

/* z, kept, spare, weights and parts of a row. */
static size_t row_floats(size_t v)
{
    return up(v, PANEL) * 6 + 3 * n_blocks(v);
}

size_t sample_worker_floats(const struct op_limits *l)
{
    return row_floats(l->vocab) + 3 * n_blocks(l->vocab);
}

static void fill_parts(const struct kernels *k, struct vocab_part *parts, const float *z, size_t n)
{
    for (size_t at = 0; at < n; at += OPS_VOCAB_BLOCK)
        parts[at / OPS_VOCAB_BLOCK] =
            k->vocab_block(z + at, n - at < OPS_VOCAB_BLOCK ? n - at : OPS_VOCAB_BLOCK, false);
}

static size_t block_size(const struct row *r, size_t block)
{
    size_t left = r->n - block * OPS_VOCAB_BLOCK;
    return left < OPS_VOCAB_BLOCK ? left : OPS_VOCAB_BLOCK;
}

static size_t largest(const float *z, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (z[i] > z[best])
            best = i;
    return best;
}

/* ---- filters ---- */

static int falling(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->z != y->z ? (x->z < y->z) - (x->z > y->z) : (x->id > y->id) - (x->id < y->id);
}

static int by_id(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Falling z as rising unsigned numbers.  Adding +0 makes one zero of both. */
static uint32_t falling_key(float z)
{
    uint32_t u = float_bits(z + 0.0f);
    return u >> 31 ? u : ~u & 0x7fffffffu;
}

/* Sorts candidates that stand in order of their ids: by falling z, of equals the lowest id first.
 * A radix sort, since with nearly equal logits all of a large vocabulary may have to be sorted.
 * Returns where they are: c or other. */
static struct candidate *sort_falling(struct candidate *c, size_t n, struct candidate *other)
{
    enum { BITS = 11, DIGITS = 1 << BITS, PASSES = 3, FEW = 256 };
    if (n < FEW) {
        qsort(c, n, sizeof *c, falling);
        return c;
    }
    for (unsigned shift = 0; shift < PASSES * BITS; shift += BITS) {
        uint32_t at[DIGITS] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++)
            at[falling_key(c[i].z) >> shift & (DIGITS - 1)]++;
        for (size_t d = 0; d < DIGITS; d++) {
            uint32_t count = at[d];
            at[d] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++)
            other[at[falling_key(c[i].z) >> shift & (DIGITS - 1)]++] = c[i];
        struct candidate *swap = c;
        c = other;
        other = swap;
    }
    return c;
}

static size_t collect(const struct row *r, float least, struct candidate *to)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        to[n] = (struct candidate){r->z[i], (int32_t)i};
        n += r->z[i] >= least;
    }
    return n;
}

/* Those down to `last` in falling order, in order of their ids. */
static size_t collect_down_to(const struct row *r, struct candidate last, struct candidate *to)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        float z = r->z[i];
        to[n] = (struct candidate){z, (int32_t)i};
        n += (z > last.z) | ((z == last.z) & ((int32_t)i <= last.id));
    }
    return n;
}

static float weight_of(const struct row *r, float z)
{
    float w;
    r->k->exp_row(&w, &z, 1, (float)r->max, 1);
    return w;
}

static void weigh(const struct row *r, const struct candidate *c, size_t n)
{
    enum { STEP = 16 * PANEL };
    float z[STEP];
    for (size_t at = 0; at < n; at += STEP) {
        size_t step = n - at < STEP ? n - at : STEP;
        for (size_t i = 0; i < step; i++)
            z[i] = c[at + i].z;
        r->k->exp_row(r->weights + at, z, step, (float)r->max, 1);
    }
}

/* A bound that the k-th largest reaches: the k-th largest of the maxima of sets of 16. */
static float top_k_bound(const struct row *r, size_t k)
{
    enum { SETS = 16, SQUARE = SETS * PANEL };
    size_t n = 0;
    if (k > r->n / (4 * PANEL))
        return -HUGE_VALF;
    for (size_t at = 0; at + SQUARE <= r->n; at += SQUARE, n += SETS) {
        float top[SETS];
        memcpy(top, r->z + at, sizeof top);
        for (size_t i = SETS; i < SQUARE; i += SETS)
            for (size_t set = 0; set < SETS; set++)
                top[set] = r->z[at + i + set] > top[set] ? r->z[at + i + set] : top[set];
        for (size_t set = 0; set < SETS; set++)
            r->kept[n + set] = (struct candidate){top[set], (int32_t)(n + set)};
    }
    return n < k ? -HUGE_VALF : sort_falling(r->kept, n, r->spare)[k - 1].z;
}

/* What is left of candidates in falling order by top-k, top-p, min-p. */
static size_t cut(const struct row *r, const struct candidate *c, size_t n)
{
    const struct sample_row *o = r->o;
    if (o->top_k > 0 && (size_t)o->top_k < n) {
        size_t kept = (size_t)o->top_k;
        while (kept < n && c[kept].z == c[o->top_k - 1].z)
            kept++;
        n = kept;
    }
    if (o->top_p < 1 || o->min_p > 0)
        weigh(r, c, n);
    if (o->top_p < 1) {
        double sum = 0, cumulated = 0;
        size_t kept = 0;
        if (o->top_k > 0)
            for (size_t i = 0; i < n; i++)
                sum += (double)r->weights[i];
        else
            sum = r->sum;
        while (kept < n && (kept == 0 || cumulated < o->top_p * sum))
            cumulated += (double)r->weights[kept++];
        n = kept;
    }
    if (o->min_p > 0)
        while (n > 1 && (double)r->weights[n - 1] < o->min_p * (double)r->weights[0])
            n--;
    return n;
}

static void filter(struct row *r)
{
    const struct sample_row *o = r->o;
    float least = -HUGE_VALF;
    if (o->top_k > 0 && (size_t)o->top_k < r->n) {
        least = top_k_bound(r, (size_t)o->top_k);
    } else if (o->top_p < 1 && o->top_p > 0) {
        /* Ids this unlikely weigh less than 1 - top_p together, so none is in the nucleus. */
        double tail = (1 - o->top_p) * r->sum / (double)r->n;
        if (tail > 1e-30)
            least = (float)(r->max + exact_log(tail * 0.99) - 1e-5 * fabs(r->max));
    }
    size_t n = collect(r, least, r->kept);
    struct candidate *sorted = sort_falling(r->kept, n, r->spare);
    n = cut(r, sorted, n);
    if (n < r->n / (4 * PANEL)) {
        qsort(sorted, n, sizeof *sorted, by_id);
        r->kept = sorted;
    } else {
        n = collect_down_to(r, sorted[n - 1], r->kept);
    }
    r->n_kept = n;
}

/* ---- one row ---- */

/* Steps 1 to 5.  memory: row_floats(). */
static struct row prepare(struct cpu *c, const float *logits, size_t v, const struct sample_row *o,
                          float *memory)
{
    struct row r = {.k = c->k, .o = o, .z = logits};
    r.n = (size_t)o->limit < v ? (size_t)o->limit : v;
    float *z = memory;
    r.kept = (struct candidate *)(void *)(z + up(v, PANEL));
    r.spare = r.kept + up(v, PANEL);
    r.weights = (float *)(r.spare + up(v, PANEL));
    r.parts = (struct vocab_part *)(void *)(r.weights + up(v, PANEL));
    bool penalty = o->penalty != 1 && o->penalty > 0 && o->n_seen;
    bool heat = o->temperature > 0 && o->temperature != 1;
    if (penalty || heat) {
        memcpy(z, logits, r.n * sizeof *z);
        for (size_t i = 0; penalty && i < o->n_seen; i++) {
            size_t id = (size_t)o->seen[i];
            if (id < r.n)
                z[id] = logits[id] < 0 ? logits[id] * (float)o->penalty
                                       : logits[id] / (float)o->penalty;
        }
        for (size_t i = 0; heat && i < r.n; i++)
            z[i] /= (float)o->temperature;
        r.z = z;
    }
    if (!(o->temperature > 0)) {
        r.filtered = true;
        r.n_kept = 1;
        r.kept[0].id = (int32_t)largest(r.z, r.n);
        r.kept[0].z = r.z[r.kept[0].id];
        r.max = (double)r.kept[0].z;
        return r;
    }
    r.n_parts = n_blocks(r.n);
    fill_parts(r.k, r.parts, r.z, r.n);
    r.max = -HUGE_VAL;
    for (size_t i = 0; i < r.n_parts; i++)
        r.max = (double)r.parts[i].max > r.max ? (double)r.parts[i].max : r.max;
    for (size_t i = 0; i < r.n_parts; i++)
        r.sum += (double)r.parts[i].sum * exact_exp((double)r.parts[i].max - r.max);
    r.filtered = o->top_k > 0 || o->top_p < 1 || o->min_p > 0;
    if (r.filtered)
        filter(&r);
    return r;
}

static size_t draw_kept(const struct row *r)
{
    double sum = 0, cumulated = 0;
    weigh(r, r->kept, r->n_kept);
    for (size_t i = 0; i < r->n_kept; i++)
        sum += (double)r->weights[i];
    for (size_t i = 0; i < r->n_kept; i++)
        if ((cumulated += (double)r->weights[i]) > r->o->u * sum)
            return (size_t)r->kept[i].id;
    return (size_t)r->kept[r->n_kept - 1].id;
}

static size_t draw_all(const struct row *r)
{
    double cumulated = 0, weight = 0, wanted = r->o->u * r->sum;
    size_t block = 0;
    for (; block < r->n_parts; block++) {
        weight = (double)r->parts[block].sum * exact_exp((double)r->parts[block].max - r->max);
        if (cumulated + weight > wanted)
            break;
        cumulated += weight;
    }
    if (block == r->n_parts) /* u so near 1 that rounding passed it */
        while (--block > 0 && !(r->parts[block].sum > 0))
            ;
    float e[OPS_VOCAB_BLOCK];
    size_t at = block * OPS_VOCAB_BLOCK, n = block_size(r, block), last = 0;
    double scale = exact_exp((double)r->parts[block].max - r->max);
    r->k->exp_row(e, r->z + at, n, r->parts[block].max, 1);
    for (size_t i = 0; i < n; i++) {
        if (e[i] > 0)
            last = i;
        if ((cumulated += (double)e[i] * scale) > wanted)
            return at + i;
    }
    return at + last;
}

struct job {
    struct cpu *c;
    const struct sample *a;
};

static void sample_rows(void *arg, size_t first, size_t end, size_t worker)
{
    const struct job *j = arg;
    size_t v = j->a->v, floats = row_floats(v);
    for (size_t m = first; m < end; m++) {
        float *memory = cpu_worker(j->c, worker, floats + 3 * n_blocks(v));
        const float *logits = row_at(j->a->logits, m);
        struct row r = prepare(j->c, logits, v, &j->a->rows[m], memory);
        size_t id = r.filtered ? draw_kept(&r) : draw_all(&r);
        struct vocab_part *parts = r.parts;
        if (r.z != logits || r.n != v || r.n_parts == 0) {
            parts = (struct vocab_part *)(void *)(memory + floats);
            fill_parts(r.k, parts, logits, v);
        }
        double lse = cpu_merge_parts(parts, n_blocks(v), NULL);
        j->a->out[m] = (struct sample_out){(int32_t)id, (float)((double)logits[id] - lse)};
    }
}

void cpu_sample(struct backend *b, const struct sample *a)
{
    struct job j = {cpu_of(b), a};
    cpu_each(j.c, a->m, 4096 / (a->v + 1) + 1, sample_rows, &j);
}

void cpu_distribution(struct backend *b, const float *logits, size_t v, const struct sample_row *o,
                      double *p)
{
    struct cpu *c = cpu_of(b);
    float *memory = cpu_worker(c, 0, row_floats(v));
    struct row r = prepare(c, logits, v, o, memory);
    double sum = 0;
    memset(p, 0, v * sizeof *p);
    for (size_t i = 0; i < (r.filtered ? r.n_kept : r.n); i++) {
        size_t id = r.filtered ? (size_t)r.kept[i].id : i;
        sum += p[id] = (double)weight_of(&r, r.z[id]);
    }
    for (size_t i = 0; i < v; i++)
        p[i] /= sum;
}
