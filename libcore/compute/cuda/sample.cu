/* sample.cu - drawing tokens.
 *
 * The rules and the arithmetic are those of cpu/sample.c, so that the same u gives the same token.
 * The logits are read once, by all of the device: what blocks of ids add up to. Plain rows are drawn
 * from that. The others, which change or sort logits, are a block's each, one at a time, whose
 * memory is there beforehand. Sums are those of the CPU to the last bit, so their additions are
 * one thread's; what they add is computed by all. */
#include "compute/cuda/sample.cuh"

#include <stdlib.h>
#include <string.h>

/* ROWS: of one launch.  SLOTS: rows at once that need memory, about one for every multiprocessor of a large
 * GPU; with 152k ids each takes 1.8 MB of scratch. */
enum { ROWS = 512, SLOTS = 128, SEEN = 1 << 16 };

/* A row's options as the kernel reads them. */
struct draw {
    double top_p, min_p, u;
    float temperature, penalty; /* 0: greedy; 1: off */
    int32_t top_k, limit, seen, n_seen;
};

static __host__ __device__ __forceinline__ bool penalized(const struct draw &o)
{
    return o.penalty != 1 && o.n_seen > 0;
}

static __host__ __device__ __forceinline__ bool filtered(const struct draw &o)
{
    return o.temperature > 0 && (o.top_k > 0 || o.top_p < 1 || o.min_p > 0);
}

/* Rows whose logits are changed in memory: the others' are divided as they are read (divided()). */
static __host__ __device__ __forceinline__ bool rewritten(const struct draw &o)
{
    bool usual = o.temperature > 1e-6f && o.temperature < 1e6f;
    return penalized(o) || (o.temperature > 0 && !usual);
}

/* What the logits are divided by. */
__device__ __forceinline__ float heat_of(const struct draw &o)
{
    return o.temperature > 0 ? o.temperature : 1.0f;
}

static size_t rows_for(size_t rows)
{
    return rows < ROWS ? rows : (size_t)ROWS;
}

static size_t slots_for(size_t rows)
{
    return rows < SLOTS ? rows : (size_t)SLOTS;
}

size_t sample_scratch(const struct op_limits *l)
{
    if (!l->head_rows || !l->vocab)
        return 0;
    size_t slot = up(l->vocab, 64) * sizeof(float) + l->vocab * sizeof(struct candidate);
    size_t rows = rows_for(l->head_rows) * (sizeof(struct draw) + sizeof(struct sample_out) +
                                            2 * vocab_blocks(l->vocab) * sizeof(struct vocab_part));
    size_t whole = l->vocab * sizeof(double); /* distribution() */
    size_t seen = (l->keys > SEEN ? l->keys : (size_t)SEEN) * sizeof(int32_t);
    return slots_for(l->head_rows) * slot + rows + whole + seen + 8 * 256;
}

/* ---- one row ---- */

__device__ __forceinline__ double weight_of(const struct total &all, float z)
{
    return (double)exp_f((z - (float)all.max) * 1.0f);
}

/* Steps 1 and 2: the logits to draw from, in memory of ours if they change. */
__device__ __forceinline__ const float *heated(const struct draw &o, const float *logits, int n,
                                               const int32_t *seen, float *z)
{
    float heat = heat_of(o);
    if (!penalized(o) && heat == 1)
        return logits;
    each_of(logits, (int)threadIdx.x, n, THREADS, [=](int i, float v) { z[i] = v / heat; });
    __syncthreads();
    for (int i = (int)threadIdx.x; penalized(o) && i < o.n_seen; i += THREADS) {
        int id = seen[o.seen + i];
        if (id >= 0 && id < n)
            store_equal(&z[id],
                        (logits[id] < 0 ? logits[id] * o.penalty : logits[id] / o.penalty) / heat);
    }
    __syncthreads();
    return z;
}

/* The sums of z's blocks: half a warp for each. */
__device__ __forceinline__ void fill_parts(struct vocab_part *parts, const float *z, int n)
{
    int blocks = (int)vocab_blocks((size_t)n), lane = (int)threadIdx.x % LANES;
    int half = (int)threadIdx.x / LANES;
#pragma unroll 1
    for (int first = 0; first < blocks; first += THREADS / LANES) { /* all lanes go along */
        int i = first + half, at = i * OPS_VOCAB_BLOCK;
        int count = i >= blocks ? 0 : n - at < OPS_VOCAB_BLOCK ? n - at : (int)OPS_VOCAB_BLOCK;
        struct vocab_part p = vocab_block(z + (i < blocks ? at : 0), count, lane, 1, false);
        if (lane == 0 && i < blocks)
            parts[i] = p;
    }
    __syncthreads();
}

__device__ __forceinline__ double part_weight(const struct vocab_part &p, double max)
{
    return (double)p.sum * exact_exp((double)p.max - max);
}

__device__ __forceinline__ struct total sum_parts(struct work *w, const struct vocab_part *parts,
                                                  int blocks)
{
    float top = -HUGE_VALF;
    for (int i = (int)threadIdx.x; i < blocks; i += THREADS)
        top = parts[i].max > top ? parts[i].max : top;
    double max = fold(w->warp_tops, top, [](float a, float b) { return a > b ? a : b; });
    return {max, add_all(w, blocks, [=](int i) { return part_weight(parts[i], max); })};
}

/* No survivor of top-k is below this: it is the k-th largest of blocks' maxima, if there are as many, else of
 * all. */
__device__ __forceinline__ float top_k_bound(struct work *w, int k, const struct vocab_part *parts,
                                             const float *z, int n)
{
    int blocks = (int)vocab_blocks((size_t)n), t = (int)threadIdx.x;
    return kth_largest(w, k, [=](auto count) {
        if (k > blocks)
            each_of(z, t, n, THREADS, [=](int, float v) { count(v); });
        else
            for (int i = t; i < blocks; i += THREADS)
                count(parts[i].max);
    });
}

/* No survivor of steps 3 to 5 is below this. */
__device__ __forceinline__ float least_of(struct work *w, const struct draw &o,
                                          const struct total &all, const struct vocab_part *parts,
                                          const float *z, int n)
{
    if (o.top_k > 0 && o.top_k < n)
        return top_k_bound(w, o.top_k, parts, z, n);
    if (o.top_p < 1 && o.top_p > 0) {
        double tail = (1 - o.top_p) * all.sum / (double)n;
        if (tail > 1e-30)
            return (float)(all.max + exact_log(tail * 0.99) - 1e-5 * fabs(all.max));
    }
    if (o.min_p > 1e-30)
        return (float)(all.max + exact_log(o.min_p * 0.99) - 1e-5 * fabs(all.max));
    return -HUGE_VALF;
}

/* How many of n candidates in falling order are left by top-k, top-p and min-p. */
__device__ __forceinline__ int cut(struct work *w, const struct draw &o, const struct total &all,
                                   const struct candidate *c, int n)
{
    auto weight = [&](int i) { return weight_of(all, c[i].z); };
    if (o.top_k > 0 && o.top_k < n) {
        float least = c[o.top_k - 1].z;
        int last = 0;
        for (int i = o.top_k - 1 + (int)threadIdx.x; i < n; i += THREADS)
            last = c[i].z < least ? last : i;
        n = last_of_all(w, last) + 1;
    }
    if (o.top_p < 1) {
        double wanted = o.top_p * (o.top_k > 0 ? add_all(w, n, weight) : all.sum), sum = 0;
        int below = add_until(w, &sum, n, weight, [=](double s) { return !(s < wanted); });
        n = below < n ? below + 1 : n;
    }
    if (o.min_p > 0) {
        double least = o.min_p * weight(0);
        int last = 0;
        for (int i = (int)threadIdx.x; i < n; i += THREADS)
            last = weight(i) < least ? last : i;
        n = last_of_all(w, last) + 1;
    }
    return n;
}

/* Steps 3 to 5: survivors into `many`, in rising order of ids; returns how many. */
__device__ __forceinline__ int filter(struct work *w, const struct draw &o, const struct total &all,
                                      const struct vocab_part *parts, const float *z, int n,
                                      struct candidate *many)
{
    float least = least_of(w, o, all, parts, z, n);
    struct candidate *c;
    int found = collect(
        w, z, n, [=](int, float v) { return v >= least; }, w->few, many, &c);
    sort(c, found);
    /* The last survivor decides: who stands before it, or is it, survives. */
    struct candidate last = c[cut(w, o, all, c, found) - 1];
    __syncthreads(); /* before `many` is written again */
    return collect(
        w, z, n,
        [=](int i, float v) {
            return !before(last, {v, i});
        },
        many, many, &c);
}

__device__ __forceinline__ int draw_kept(struct work *w, const struct total &all,
                                         const struct candidate *c, int n, double u)
{
    auto weight = [&](int i) { return weight_of(all, c[i].z); };
    double wanted = u * add_all(w, n, weight), sum = 0;
    int i = add_until(w, &sum, n, weight, [=](double s) { return s > wanted; });
    return c[i < n ? i : n - 1].id;
}

/* The block in which the cumulated sum passes u, then the id in it. z is not divided by `heat` yet. */
__device__ __forceinline__ int draw_all(struct work *w, const struct total &all,
                                        const struct vocab_part *parts, int blocks, const float *z,
                                        float heat, int n, double u)
{
    double sum = 0, wanted = u * all.sum;
    auto passed = [=](double s) { return s > wanted; };
    int block = add_until(
        w, &sum, blocks, [&](int i) { return part_weight(parts[i], all.max); }, passed);
    if (block == blocks) /* u so near 1 that rounding passed it */
        while (--block > 0 && !(parts[block].sum > 0))
            ;
    int at = block * OPS_VOCAB_BLOCK, last = 0;
    int count = n - at < OPS_VOCAB_BLOCK ? n - at : (int)OPS_VOCAB_BLOCK;
    float top = parts[block].max;
    double scale = exact_exp((double)top - all.max);
    auto weight = [=](int i) { return (double)exp_f((z[at + i] / heat - top) * 1.0f); };
    int i = add_until(
        w, &sum, count, [=](int k) { return weight(k) * scale; }, passed);
    if (i < count)
        return at + i;
    for (int k = (int)threadIdx.x; k < count; k += THREADS)
        last = weight(k) > 0 ? k : last;
    return at + last_of_all(w, last);
}

struct job {
    struct rows logits;
    const struct draw *rows;
    const int32_t *seen;
    struct sample_out *out;
    double *p; /* distribution: of one row */
    size_t m, v;
    struct vocab_part *parts, *heated; /* of every row: of its logits; of those to draw from */
    float *z;                          /* of a slot, as what follows */
    struct candidate *sorted;
    size_t z_room, sorted_room, part_room;
};

/* Rows whose logits change or are sorted. */
static __host__ __device__ __forceinline__ bool needs_slot(const struct job &j,
                                                           const struct draw &o)
{
    return j.p || rewritten(o) || filtered(o);
}

__device__ __forceinline__ int limit_of(const struct job &j, const struct draw &o)
{
    return o.limit < (int)j.v ? o.limit : (int)j.v;
}

/* ---- all rows ---- */

/* One block of ids of row blockIdx.y for each half warp, twice if those to draw from are others. */
__global__ void __launch_bounds__(THREADS, 4) sum_rows(struct job j)
{
    struct draw o = j.rows[blockIdx.y];
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) / LANES;
    int lane = (int)threadIdx.x % LANES, v = (int)j.v, limit = limit_of(j, o);
    bool mine = i < j.part_room;
    int at = mine ? (int)i * OPS_VOCAB_BLOCK : 0, end = (int)(i / 2 + 1) * 2 * OPS_VOCAB_BLOCK;
    bool two = heat_of(o) != 1 || (limit < v && limit < end); /* for all of a warp */
    const float *z = row_at(j.logits, blockIdx.y) + at;
    i += blockIdx.y * j.part_room;
#pragma unroll 1
    for (int pass = 0; pass < 1 + two; pass++) {
        int n = (pass ? limit : v) - at, whole = OPS_VOCAB_BLOCK;
        struct vocab_part p = vocab_block(z,
                                          !mine       ? 0
                                          : n < whole ? n
                                                      : whole,
                                          lane, pass ? heat_of(o) : 1.0f, false);
        if (lane == 0 && mine && pass == 0)
            j.parts[i] = p;
        if (lane == 0 && mine && pass == two)
            j.heated[i] = p;
    }
}

/* ---- plain rows ---- */

/* The largest z and its lowest id, of blocks whose maxima are known. */
__device__ __forceinline__ int largest_of_parts(struct work *w, const struct vocab_part *parts,
                                                int blocks, const float *z, int n)
{
    int t = (int)threadIdx.x, block = blocks, id = n;
    float top = -HUGE_VALF;
    for (int i = t; i < blocks; i += THREADS)
        top = parts[i].max > top ? parts[i].max : top;
    top = fold(w->warp_tops, top, [](float a, float b) { return a > b ? a : b; });
    auto lower = [](int a, int b) { return a < b ? a : b; };
    for (int i = t; i < blocks; i += THREADS)
        block = parts[i].max == top ? lower(block, i) : block;
    block = fold(w->warp_counts, block, lower);
    int end = (block + 1) * OPS_VOCAB_BLOCK < n ? (block + 1) * OPS_VOCAB_BLOCK : n;
    for (int i = block * OPS_VOCAB_BLOCK + t; i < end; i += THREADS)
        id = z[i] == top ? lower(id, i) : id;
    id = fold(w->warp_counts, id, lower);
    return id < n ? id : 0; /* of nothing but NaN */
}

__device__ __forceinline__ void write_out(const struct job &j, size_t m, int chosen,
                                          const struct total &all)
{
    double lse = all.max + exact_log(all.sum);
    j.out[m] = {chosen, (float)((double)row_at(j.logits, m)[chosen] - lse)};
}

/* A block for each. */
__global__ void __launch_bounds__(THREADS, 2) draw_rows(struct job j)
{
    SHARED(struct work, w);
    size_t m = blockIdx.x;
    struct draw o = j.rows[m];
    if (needs_slot(j, o))
        return;
    const float *z = row_at(j.logits, m);
    const struct vocab_part *heated = j.heated + m * j.part_room;
    int n = limit_of(j, o), blocks = (int)vocab_blocks((size_t)n), chosen;
    bool other = true; /* than what the logits add up to */
    struct total all;
    if (o.temperature > 0) {
        all = sum_parts(w, heated, blocks);
        chosen = draw_all(w, all, heated, blocks, z, o.temperature, n, o.u);
        other = o.temperature != 1 || n < (int)j.v;
    } else {
        chosen = largest_of_parts(w, heated, blocks, z, n);
    }
    if (other)
        all = sum_parts(w, j.parts + m * j.part_room, (int)j.part_room);
    if (threadIdx.x == 0)
        write_out(j, m, chosen, all);
}

/* ---- the others ---- */

/* The distribution of one row, by a block: divided by its sum in order of ids. */
__device__ __forceinline__ void write_distribution(struct work *w, double *p, int v,
                                                   const struct total &all, const float *z, int n,
                                                   const struct candidate *kept, int n_kept)
{
    for (int i = (int)threadIdx.x; i < v; i += THREADS)
        p[i] = 0;
    __syncthreads();
    for (int i = (int)threadIdx.x; i < (kept ? n_kept : n); i += THREADS)
        p[kept ? kept[i].id : i] = weight_of(all, kept ? kept[i].z : z[i]);
    __syncthreads();
    double sum = add_all(w, v, [=](int i) { return p[i]; });
    for (int i = (int)threadIdx.x; i < v; i += THREADS)
        p[i] /= sum;
}

__device__ __forceinline__ void one_row(const struct job &j, struct work *w, size_t m,
                                        const struct draw &o)
{
    const float *logits = row_at(j.logits, m);
    struct candidate *many = j.sorted + blockIdx.x * j.sorted_room, *kept = NULL;
    struct vocab_part *parts = j.heated + m * j.part_room;
    int n = limit_of(j, o), blocks = (int)vocab_blocks((size_t)n), chosen, n_kept = 0;
    struct total all;
    const float *z = heated(o, logits, n, j.seen, j.z + blockIdx.x * j.z_room);
    if (!(o.temperature > 0)) {
        chosen = largest(w, z, n);
        all = {(double)z[chosen], 1};
        if (threadIdx.x == 0)
            many[0] = {z[chosen], chosen};
        kept = many;
        n_kept = 1;
        __syncthreads();
    } else {
        if (rewritten(o))
            fill_parts(parts, z, n);
        all = sum_parts(w, parts, blocks);
        if (filtered(o)) {
            n_kept = filter(w, o, all, parts, z, n, many);
            kept = many;
            chosen = draw_kept(w, all, kept, n_kept, o.u);
        } else {
            chosen = draw_all(w, all, parts, blocks, z, 1, n, o.u);
        }
        __syncthreads();
    }
    if (j.p) {
        write_distribution(w, j.p, (int)j.v, all, z, n, kept, n_kept);
        return;
    }
    all = sum_parts(w, j.parts + m * j.part_room, (int)j.part_room);
    if (threadIdx.x == 0)
        write_out(j, m, chosen, all);
    __syncthreads();
}

__global__ void __launch_bounds__(THREADS, 2) sample_rows(struct job j)
{
    SHARED(struct work, w);
    for (size_t m = blockIdx.x; m < j.m; m += gridDim.x) {
        struct draw o = j.rows[m];
        if (needs_slot(j, o))
            one_row(j, w, m, o);
    }
}

/* ---- launching ---- */

static struct draw draw_of(const struct sample_row *o, size_t seen)
{
    struct draw d = {};
    d.top_p = o->top_p;
    d.min_p = o->min_p;
    d.u = o->u;
    d.temperature = o->temperature > 0 ? (float)o->temperature : 0.0f;
    d.penalty = o->penalty > 0 ? (float)o->penalty : 1.0f;
    d.top_k = o->top_k;
    d.limit = o->limit;
    d.seen = (int32_t)seen;
    d.n_seen = o->penalty != 1 && o->penalty > 0 ? (int32_t)o->n_seen : 0;
    return d;
}

static size_t seen_room(struct cuda *c, const frame *f)
{
    (void)f;
    return (c->scratch_bytes - up(c->scratch_used, 256)) / sizeof(int32_t);
}

/* Rows [0, m), as many as the lists of what they have seen leave room for; returns how many. */
static size_t send_rows(struct cuda *c, const struct sample_row *rows, size_t m, struct draw *to,
                        int32_t *seen, size_t room, struct draw *host)
{
    size_t n = 0, used = 0;
    for (; n < m && n < ROWS; n++) {
        host[n] = draw_of(&rows[n], used);
        size_t want = (size_t)host[n].n_seen;
        if (used + want > room)
            break;
        cuda_upload(&c->b, seen + used, rows[n].seen, want * sizeof *seen);
        used += want;
    }
    ASSERT(n > 0);
    cuda_upload(&c->b, to, host, n * sizeof *to);
    return n;
}

static struct job job_open(frame *f, struct rows logits, size_t m, size_t v)
{
    struct job j = {};
    size_t slots = slots_for(m), rows = rows_for(m);
    j.logits = logits;
    j.v = v;
    j.z_room = up(v, 64);
    j.sorted_room = v;
    j.part_room = vocab_blocks(v);
    j.z = f->take<float>(slots * j.z_room);
    j.sorted = f->take<struct candidate>(slots * j.sorted_room);
    j.parts = f->take<struct vocab_part>(rows * j.part_room);
    j.heated = f->take<struct vocab_part>(rows * j.part_room);
    return j;
}

/* host: of the same rows. */
static void run(struct cuda *c, const struct job *j, const struct draw *host)
{
    size_t slow = 0;
    for (size_t m = 0; m < j->m; m++)
        slow += needs_slot(*j, host[m]);
    cuda_allow_shared(c, draw_rows, sizeof(struct work));
    cuda_allow_shared(c, sample_rows, sizeof(struct work));
    LAUNCH(c, sum_rows, dim3((unsigned)parts(j->part_room, THREADS / LANES), (unsigned)j->m),
           THREADS, 0, *j);
    if (slow < j->m)
        LAUNCH(c, draw_rows, dim3((unsigned)j->m), THREADS, sizeof(struct work), *j);
    if (slow)
        LAUNCH(c, sample_rows, dim3((unsigned)slots_for(j->m)), THREADS, sizeof(struct work), *j);
}

void cuda_sample(struct backend *b, const struct sample *a)
{
    struct cuda *c = cuda_of(b);
    frame f(c);
    if (a->m == 0)
        return;
    struct job j = job_open(&f, a->logits, a->m, a->v);
    struct draw *rows = f.take<struct draw>(rows_for(a->m));
    struct sample_out *out = f.take<struct sample_out>(rows_for(a->m));
    size_t room = seen_room(c, &f);
    int32_t *seen = f.take<int32_t>(room);
    struct draw *host = static_cast<struct draw *>(xmalloc(rows_for(a->m) * sizeof *host));
    for (size_t m = 0; m < a->m; m += j.m) {
        j.m = send_rows(c, a->rows + m, a->m - m, rows, seen, room, host);
        j.logits.p = a->logits.p + m * a->logits.stride;
        j.rows = rows;
        j.seen = seen;
        j.out = out;
        run(c, &j, host);
        cuda_download(b, a->out + m, out, j.m * sizeof *out);
    }
    free(host);
}

void cuda_distribution(struct backend *b, const float *logits, size_t v,
                       const struct sample_row *row, double *p)
{
    struct cuda *c = cuda_of(b);
    frame f(c);
    struct draw host;
    struct job j = job_open(&f, {const_cast<float *>(logits), v}, 1, v);
    struct draw *rows = f.take<struct draw>(1);
    j.p = f.take<double>(v);
    size_t room = seen_room(c, &f);
    int32_t *seen = f.take<int32_t>(room);
    j.m = send_rows(c, row, 1, rows, seen, room, &host);
    j.rows = rows;
    j.seen = seen;
    run(c, &j, &host);
    cuda_download(b, p, j.p, v * sizeof *p);
}
