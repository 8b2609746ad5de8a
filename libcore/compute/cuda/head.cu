/* head.cu - log-probabilities of given tokens and their gradient.
 *
 * Rows go in chunks and ids in slabs; the logits of one chunk and slab are all that ever exists.
 * Blocks of OPS_VOCAB_BLOCK ids are reduced by half a warp each, as cpu/ does it. */
#include "compute/cuda/vocab.cuh"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 4 * OPS_ROW_BLOCK, SLAB = 16 * OPS_VOCAB_BLOCK, THREADS = 256 };

static size_t chunk_rows(size_t m)
{
    return m < CHUNK ? m : (size_t)CHUNK;
}

static size_t slab_ids(size_t v)
{
    return v < SLAB ? v : (size_t)SLAB;
}

/* Targets and derivatives of one chunk: as many as a row can have are not known beforehand, so
 * they go over in pieces of this many. */
enum { TARGETS = 1 << 14 };

struct target {
    int32_t row, id;
    float value; /* backward: the derivative */
};

struct op_limits head_limits(const struct op_limits *l)
{
    struct op_limits head = {};
    size_t slab = slab_ids(l->vocab);
    head.rows = chunk_rows(l->head_rows);
    head.width = l->hidden > slab ? l->hidden : slab;
    head.hidden = l->hidden;
    head.vocab = slab;
    head.train = l->train;
    return head;
}

size_t head_scratch(const struct op_limits *l)
{
    size_t rows = chunk_rows(l->head_rows), slab = slab_ids(l->vocab);
    size_t n = rows * slab * sizeof(float) +
               rows * vocab_blocks(l->vocab) * sizeof(struct vocab_part) +
               TARGETS * (sizeof(struct target) + sizeof(float)) +
               rows * (sizeof(struct head_row) + 4 * sizeof(float)) + 8 * 256;
    return l->head_rows ? n : 0;
}

/* ---- forward ---- */

/* One block of ids of row blockIdx.y for each half warp; n ids from block first_block on. */
__global__ void __launch_bounds__(THREADS)
    reduce_blocks(const float *logits, size_t row_floats, size_t n, size_t first_block,
                  size_t blocks, struct vocab_part *to, bool dot)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) / LANES, at = i * OPS_VOCAB_BLOCK;
    size_t count = at >= n ? 0 : n - at < OPS_VOCAB_BLOCK ? n - at : (size_t)OPS_VOCAB_BLOCK;
    const float *z = logits + blockIdx.y * row_floats + (count ? at : 0);
    struct vocab_part p = vocab_block(z, (int)count, (int)threadIdx.x % LANES, 1, dot);
    if (threadIdx.x % LANES == 0 && count)
        to[blockIdx.y * blocks + first_block + i] = p;
}

enum { MERGE_THREADS = 128, MERGE_TERMS = 512 };

struct merged {
    double sums[MERGE_TERMS], dots[MERGE_TERMS], dot;
    float tops[MERGE_THREADS / WARP];
};

__device__ __forceinline__ double block_top(struct merged *w, const struct vocab_part *parts,
                                            int blocks)
{
    float top = -HUGE_VALF;
    for (int i = (int)threadIdx.x; i < blocks; i += MERGE_THREADS)
        top = fmaxf(top, parts[i].max);
    for (int h = WARP / 2; h; h /= 2)
        top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, h));
    if (threadIdx.x % WARP == 0)
        w->tops[threadIdx.x / WARP] = top;
    __syncthreads();
    for (float other : w->tops)
        top = fmaxf(top, other);
    return (double)top;
}

__device__ __forceinline__ double add_terms(double sum, const double *terms, int n)
{
#pragma unroll 8
    for (int i = 0; i < n; i++)
        sum += terms[i];
    return sum;
}

/* As cpu_merge_parts(), a row for each block: all of its threads compute what one thread adds, in
 * order, and another for the mean. */
__global__ void __launch_bounds__(MERGE_THREADS)
    merge_rows(const struct vocab_part *parts, int blocks, struct head_row *to)
{
    SHARED(struct merged, w);
    parts += (size_t)blockIdx.x * (size_t)blocks;
    double max = block_top(w, parts, blocks), total = 0;
#pragma unroll 1
    for (int first = 0; first < blocks; first += MERGE_TERMS) {
        int n = blocks - first < MERGE_TERMS ? blocks - first : (int)MERGE_TERMS;
        for (int i = (int)threadIdx.x; i < n; i += MERGE_THREADS) {
            struct vocab_part p = parts[first + i];
            double top = (double)p.max, scale = exact_exp(top - max);
            w->sums[i] = (double)p.sum * scale;
            w->dots[i] = ((double)p.dot + top * (double)p.sum) * scale;
        }
        __syncthreads();
        if (threadIdx.x % WARP == 0 && threadIdx.x < 2 * WARP)
            total = add_terms(total, threadIdx.x ? w->dots : w->sums, n);
        __syncthreads();
    }
    if (threadIdx.x == WARP)
        w->dot = total;
    __syncthreads();
    if (threadIdx.x == 0) {
        double lse = max + exact_log(total);
        to[blockIdx.x] = {lse, lse - w->dot / total};
    }
}

/* value[t] = the logit of target t if its id is in the slab. */
__global__ void pick_targets(const float *logits, size_t row_floats, size_t first, size_t n,
                             const struct target *targets, size_t n_targets, float *value)
{
    size_t t = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (t >= n_targets)
        return;
    size_t id = (size_t)targets[t].id;
    if (id >= first && id - first < n)
        value[t] = logits[(size_t)targets[t].row * row_floats + id - first];
}

struct pass {
    struct cuda *c;
    float *logits;
    size_t rows, slab; /* of the chunk; ids of a slab */
    struct target *host, *targets;
    float *values;
};

static struct pass pass_open(struct cuda *c, frame *f, const struct weight *w, size_t m)
{
    struct pass p = {};
    p.c = c;
    p.slab = slab_ids(w->n);
    p.logits = f->take<float>(chunk_rows(m) * p.slab);
    p.targets = f->take<struct target>(TARGETS);
    p.values = f->take<float>(TARGETS);
    p.host = static_cast<struct target *>(xmalloc(TARGETS * sizeof *p.host));
    return p;
}

/* Targets [t, end) of rows below m + rows, at most TARGETS of them, counted from row m. */
static size_t send_targets(struct pass *p, const struct head_target *targets, const double *values,
                           size_t t, size_t end, size_t m)
{
    size_t n = 0;
    for (; t + n < end && n < TARGETS; n++)
        p->host[n] = {targets[t + n].row - (int32_t)m, targets[t + n].id,
                      values ? (float)values[t + n] : 0.0f};
    cuda_upload(&p->c->b, p->targets, p->host, n * sizeof *p->host);
    return n;
}

static size_t targets_end(const struct head_target *targets, size_t n, size_t t, size_t row)
{
    while (t < n && (size_t)targets[t].row < row)
        t++;
    return t;
}

static unsigned grid_for(size_t n)
{
    return (unsigned)parts(n, THREADS);
}

/* The logits of the chunk's targets, and the parts of its rows. */
static void forward_slab(struct pass *p, const struct head *a, size_t first, size_t n, size_t m,
                         size_t t, size_t end, struct vocab_part *vocab)
{
    struct rows x = {a->x.p + m * a->x.stride, a->x.stride};
    size_t blocks = vocab_blocks(a->w->n);
    cuda_linear_part(p->c, a->w, first, n, p->rows, x, {p->logits, p->slab});
    dim3 grid((unsigned)parts(vocab_blocks(n), THREADS / LANES), (unsigned)p->rows);
    LAUNCH(p->c, reduce_blocks, grid, THREADS, 0, p->logits, p->slab, n, first / OPS_VOCAB_BLOCK,
           blocks, vocab, a->entropy);
    bool whole = end - t <= TARGETS; /* then they are there, and stay, for all slabs */
    for (size_t part; t < end; t += part) {
        part = whole ? end - t : send_targets(p, a->targets, NULL, t, end, m);
        if (!whole)
            cuda_upload(&p->c->b, p->values, a->logp + t, part * sizeof(float));
        LAUNCH(p->c, pick_targets, grid_for(part), THREADS, 0, p->logits, p->slab, first, n,
               p->targets, part, p->values);
        if (!whole)
            cuda_download(&p->c->b, a->logp + t, p->values, part * sizeof(float));
    }
}

void cuda_head(struct backend *b, const struct head *a)
{
    struct cuda *c = cuda_of(b);
    frame f(c);
    if (a->m == 0)
        return;
    struct pass p = pass_open(c, &f, a->w, a->m);
    size_t blocks = vocab_blocks(a->w->n), t = 0;
    struct vocab_part *vocab = f.take<struct vocab_part>(chunk_rows(a->m) * blocks);
    struct head_row *rows = f.take<struct head_row>(chunk_rows(a->m));
    for (size_t m = 0; m < a->m; m += CHUNK) {
        p.rows = chunk_rows(a->m - m);
        size_t end = targets_end(a->targets, a->n_targets, t, m + p.rows);
        bool whole = end - t <= TARGETS;
        if (whole && end > t)
            send_targets(&p, a->targets, NULL, t, end, m);
        for (size_t first = 0; first < a->w->n; first += p.slab) {
            size_t n = a->w->n - first < p.slab ? a->w->n - first : p.slab;
            forward_slab(&p, a, first, n, m, t, end, vocab);
        }
        LAUNCH(c, merge_rows, dim3((unsigned)p.rows), MERGE_THREADS, sizeof(struct merged), vocab,
               (int)blocks, rows);
        if (whole)
            cuda_download(b, a->logp + t, p.values, (end - t) * sizeof(float));
        struct head_row *out = a->rows + m;
        cuda_download(b, out, rows, p.rows * sizeof *rows);
        for (; t < end; t++)
            a->logp[t] = (float)((double)a->logp[t] - a->rows[a->targets[t].row].lse);
    }
    ASSERT(t == a->n_targets);
    free(p.host);
}

/* ---- backward ---- */

/* What a row's logits become: -p (g + h (log p + H)). */
struct alignas(16) slope {
    float lse, g, h, entropy;
};

__device__ __forceinline__ float slope_at(const struct slope &s, float z)
{
    float logp = z - s.lse, factor = fmaf(logp + s.entropy, s.h, s.g);
    return exp_f(logp) * (0.0f - factor);
}

/* Elements [j, j + 4) of n. */
__device__ __forceinline__ float4 slopes_at(const struct slope &s, float4 z, size_t j, size_t n)
{
    return float4{j < n ? slope_at(s, z.x) : 0, j + 1 < n ? slope_at(s, z.y) : 0,
                  j + 2 < n ? slope_at(s, z.z) : 0, j + 3 < n ? slope_at(s, z.w) : 0};
}

/* In place, or into the logits' shadow if there is one: rows of ld elements, else ld is n. */
__global__ void gradient_rows(float *logits, size_t row_floats, size_t rows, size_t n,
                              const struct slope *slopes, uint16_t *shadow, size_t ld,
                              unsigned shift, bool whole)
{
    EACH4(i, j, rows, ld, shift)
    {
        float *z = logits + i * row_floats;
        float4 d = slopes_at(slopes[i], load4(z, j, n, whole), j, n);
        if (shadow)
            store4_bf16(shadow + i * ld, j, ld, d);
        else
            store4(z, j, n, whole, d);
    }
}

/* Several targets of a row may have one id, so a thread takes all of a row's, in order. */
__global__ void add_targets(float *logits, size_t row_floats, size_t first, size_t n,
                            const struct target *targets, size_t n_targets)
{
    size_t t = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (t >= n_targets || (t && targets[t - 1].row == targets[t].row))
        return;
    for (int32_t row = targets[t].row; t < n_targets && targets[t].row == row; t++) {
        size_t id = (size_t)targets[t].id;
        if (id >= first && id - first < n)
            logits[(size_t)row * row_floats + id - first] += targets[t].value;
    }
}

/* The same in the shadow, from logits that are still there: the first of a row's targets with one id
 * adds all of them to what has not been rounded yet. */
__global__ void shadow_targets(const float *logits, size_t row_floats, size_t first, size_t n,
                               const struct target *targets, size_t n_targets,
                               const struct slope *slopes, uint16_t *shadow, size_t ld)
{
    size_t t = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (t >= n_targets)
        return;
    int32_t row = targets[t].row, id = targets[t].id;
    size_t j = (size_t)id - first;
    if ((size_t)id < first || j >= n)
        return;
    for (size_t i = t; i && targets[i - 1].row == row; i--)
        if (targets[i - 1].id == id)
            return;
    float d = slope_at(slopes[row], logits[(size_t)row * row_floats + j]);
    for (; t < n_targets && targets[t].row == row; t++)
        if (targets[t].id == id)
            d += targets[t].value;
    shadow[(size_t)row * ld + j] = to_bf16(d);
}

/* Sums over each row's targets. */
static void fill_slopes(const struct head_grad *a, size_t m, size_t rows, size_t t,
                        struct slope *to)
{
    for (size_t i = 0; i < rows; i++) {
        double g = 0, h = 0;
        for (; t < a->n_targets && (size_t)a->targets[t].row == m + i; t++) {
            g += a->dlogp[t];
            h += a->dentropy ? a->dentropy[t] : 0;
        }
        to[i] = {(float)a->rows[m + i].lse, (float)g, (float)h,
                 h != 0 ? (float)a->rows[m + i].entropy : 0.0f};
        if (to[i].h == 0)
            to[i].entropy = 0;
    }
}

/* One slab's part of the work on a chunk. */
struct slab {
    size_t first, n; /* ids */
    size_t m;        /* the chunk's first row */
    size_t t, end;   /* its targets */
};

/* The logits become their gradient; false: only their shadow does. */
static bool slab_gradient(struct pass *p, const struct head_grad *a, const struct slab *s,
                          const struct slope *slopes)
{
    struct rows logits = {p->logits, p->slab};
    bool whole = s->end - s->t <= TARGETS;
    uint16_t *shadow = whole ? cuda_shadow(p->c, logits, p->rows, s->n) : NULL;
    size_t ld = shadow ? shadow_row(s->n) : s->n;
    struct quads q = quads_of(p->rows, ld);
    LAUNCH(p->c, gradient_rows, q.grid, EACH_THREADS, 0, p->logits, p->slab, p->rows, s->n, slopes,
           shadow, ld, q.shift, whole_rows(logits, s->n));
    if (shadow && s->end > s->t)
        LAUNCH(p->c, shadow_targets, grid_for(s->end - s->t), THREADS, 0, p->logits, p->slab,
               s->first, s->n, p->targets, s->end - s->t, slopes, shadow, ld);
    for (size_t t = s->t, part; !shadow && t < s->end; t += part) {
        part = whole ? s->end - t : send_targets(p, a->targets, a->dlogp, t, s->end, s->m);
        LAUNCH(p->c, add_targets, grid_for(part), THREADS, 0, p->logits, p->slab, s->first, s->n,
               p->targets, part);
    }
    return !shadow;
}

/* w's rows [first, first + n). */
static struct weight weight_part(const struct weight *w, size_t first, size_t n)
{
    struct weight part = *w;
    part.n = n;
    if (w->view)
        part.view += first * w->ld;
    else
        part.own = static_cast<char *>(w->own) +
                   first * w->ld * (w->bf16 ? sizeof(uint16_t) : sizeof(float));
    return part;
}

static void backward_slab(struct pass *p, const struct head_grad *a, const struct slab *s,
                          const struct slope *slopes)
{
    struct linear_grad g = {};
    struct weight part = weight_part(a->w, s->first, s->n);
    g.w = &part;
    g.m = p->rows;
    g.x = rows_from(a->x, s->m);
    g.dx = rows_from(a->dx, s->m);
    g.dy = {p->logits, p->slab};
    g.add_dx = s->first > 0;
    g.dw = a->dw ? a->dw + s->first * a->w->k : NULL;
    cuda_linear_part(p->c, a->w, s->first, s->n, g.m, g.x, g.dy);
    if (!slab_gradient(p, a, s, slopes)) {
        cuda_linear_backward(&p->c->b, &g);
        return;
    }
    cuda_linear_dx(p->c, a->w, s->first, s->n, g.m, g.dy, g.dx, s->first > 0, false);
    if (g.dw)
        cuda_linear_dw(p->c, g.dw, s->n, a->w->k, g.m, g.dy, g.x);
}

void cuda_head_backward(struct backend *b, const struct head_grad *a)
{
    struct cuda *c = cuda_of(b);
    frame f(c);
    if (a->m == 0)
        return;
    struct pass p = pass_open(c, &f, a->w, a->m);
    struct slope *slopes = f.take<struct slope>(chunk_rows(a->m));
    struct slope *host = static_cast<struct slope *>(xmalloc(chunk_rows(a->m) * sizeof *host));
    size_t t = 0;
    for (size_t m = 0; m < a->m; m += CHUNK) {
        p.rows = chunk_rows(a->m - m);
        size_t end = targets_end(a->targets, a->n_targets, t, m + p.rows);
        fill_slopes(a, m, p.rows, t, host);
        cuda_upload(b, slopes, host, p.rows * sizeof *host);
        if (end > t && end - t <= TARGETS)
            send_targets(&p, a->targets, a->dlogp, t, end, m);
        for (size_t first = 0; first < a->w->n; first += p.slab) {
            struct slab s = {first, a->w->n - first < p.slab ? a->w->n - first : p.slab, m, t, end};
            backward_slab(&p, a, &s, slopes);
        }
        t = end;
    }
    ASSERT(t == a->n_targets);
    free(host);
    free(p.host);
}
