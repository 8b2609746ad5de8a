/* cpu.h - the CPU device: inner loops from kernels.h, threads from base/pool.
 *
 * Tasks write disjoint outputs and no sum is split over tasks, so neither
 * threads nor partition can be seen in a result.  Weights are packed once into panels
 * of 16 outputs, [N/16][K][16]; products of anything else (views of masters,
 * transposes, gradients) pack what they need, a slab at a time, into scratch. */
#ifndef COMPUTE_CPU_CPU_H
#define COMPUTE_CPU_CPU_H

#include "base/pool.h"
#include "compute/cpu/kernels.h"
#include "compute/host.h"

/* Scratch, sized by reserve(): one part for each worker, one for all. */
struct cpu {
    struct backend b; /* first */
    const struct kernels *k;
    struct pool *pool;
    char name[32];
    float *worker_memory, *shared, *head, *pairs;
    size_t worker_floats, shared_floats, head_floats, pairs_floats;
    struct cpu *lanes; /* without pools */
    size_t n_lanes;
};

struct cpu *cpu_of(struct backend *b);

/* n floats for this worker's task; for the operator; for head and sample, which call others. */
float *cpu_worker(struct cpu *c, size_t worker, size_t n);
float *cpu_shared(struct cpu *c, size_t n);
float *cpu_head_memory(struct cpu *c, size_t n);
float *cpu_pairs(struct cpu *c, size_t n); /* for activations rounded to bf16 */

/* Tasks of at least `grain` items each over n items: fn(arg, first, end, worker). */
typedef void range_fn(void *arg, size_t first, size_t end, size_t worker);
void cpu_each(struct cpu *c, size_t n, size_t grain, range_fn *fn, void *arg);

static inline size_t up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static inline float *row_at(struct rows r, size_t m)
{
    return r.p + m * r.stride;
}

/* ---- weights (weight.c) ---- */

struct weight {
    enum panels kind;
    size_t n, k;
    void *panels;      /* NULL: a view */
    const float *view; /* rows */
};

struct weight *cpu_weight_new(struct backend *b, enum elem type, size_t n, size_t k, struct err *e);
struct weight *cpu_weight_view(struct backend *b, const float *rows, size_t n, size_t k);
void cpu_weight_free(struct backend *b, struct weight *w);
size_t cpu_weight_bytes(struct backend *b, enum elem type, size_t n, size_t k);
void cpu_weight_load(struct backend *b, struct weight *w, size_t row, size_t n_rows,
                     const float *host);
void cpu_weight_read(struct backend *b, const struct weight *w, size_t row, size_t n_rows,
                     float *host);
void cpu_weight_refresh(struct backend *b, struct weight *w, const float *masters);

/* The panel that begins with row `row`, and how many elements from one to the next. */
const void *weight_panels(const struct weight *w, size_t row, size_t *panel);
/* One row as f32, as products see it. */
void weight_row(const struct weight *w, size_t row, float *to);
/* A panel of the transpose (K, N), of f32 or, with pairs, of pairs of rows: rows [j0, j0 + k) of
 * inputs 16 panel .. 16 panel + 15.  j0 is a multiple of 16. */
void weight_pack_transposed(struct cpu *c, const struct weight *w, size_t panel, size_t j0,
                            size_t k, float *to);

/* ---- products (product.c) ---- */

enum { PRODUCT_ROWS = 128, PRODUCT_DEPTH = 512, PRODUCT_PANELS = 9, SLAB_FLOATS = 2 << 20 };
enum { HEAD_SLAB = 2 * OPS_VOCAB_BLOCK }; /* ids of the head that are worked on at a time */

/* A product with packed panels, of any size, spread over the pool. */
void cpu_product(struct cpu *c, const struct gemm *g, enum panels kind);

/* The same with panels that are packed as they are needed: pack(arg, panel, to) fills
 * [k][16] floats or pairs with panel number `panel`. */
typedef void pack_fn(struct cpu *c, const void *arg, size_t panel, float *to);
void cpu_product_packing(struct cpu *c, const struct gemm *g, enum panels kind, pack_fn *pack,
                         const void *arg);

/* The part [first, first + n) of w's rows, n at a multiple of 16: c = x w^T. */
void cpu_linear_part(struct cpu *c, const struct weight *w, size_t first, size_t n, size_t m,
                     struct rows x, struct rows y);
/* dx (+)= dy w[first .. first + n); `go_on`: the chain continues from dx. */
void cpu_linear_dx(struct cpu *c, const struct weight *w, size_t first, size_t n, size_t m,
                   struct rows dy, struct rows dx, bool go_on, bool add);
/* dw (n,k) += dy^T x, in row blocks. */
void cpu_linear_dw(struct cpu *c, float *dw, size_t n, size_t k, size_t m, struct rows dy,
                   struct rows x);

size_t product_worker_floats(void);
size_t product_shared_floats(const struct op_limits *l);
size_t product_pairs_floats(const struct op_limits *l);

void cpu_linear(struct backend *b, const struct linear *a);
void cpu_linear_backward(struct backend *b, const struct linear_grad *a);

/* ---- rows (rows.c) ---- */

void cpu_embed(struct backend *b, const struct weight *w, const int32_t *ids, size_t m,
               struct rows y);
void cpu_embed_backward(struct backend *b, float *dw, size_t c, const int32_t *ids, size_t m,
                        struct rows dy);
void cpu_gather(struct backend *b, struct rows y, struct rows x, const int32_t *index, size_t m,
                size_t c);
void cpu_scatter_add(struct backend *b, struct rows x, struct rows y, const int32_t *index,
                     size_t m, size_t c);
void cpu_add(struct backend *b, float *y, const float *x, size_t n);
void cpu_norm(struct backend *b, const struct norm *a);
void cpu_norm_backward(struct backend *b, const struct norm_grad *a);
void cpu_rope(struct backend *b, const struct rope_args *a);
void cpu_swiglu(struct backend *b, const struct swiglu *a);
void cpu_swiglu_backward(struct backend *b, const struct swiglu_grad *a);
size_t rows_shared_floats(const struct op_limits *l);
/* y[n] += sum over rows, in row blocks. */
void cpu_column_sums(struct cpu *c, float *y, size_t n, size_t m, struct rows x);

/* ---- attention (kv.c, attention.c, attention_grad.c) ---- */

/* A page of a layer holds, for each key/value head, the keys as panels of 16
 * positions [4][D][16] and the values as panels of 16 dimensions [dim/16][64][16], so
 * that scores and sums are products like any other. */
struct kv {
    enum elem type;
    size_t n_layers, n_pages, n_heads;
    size_t d, dim; /* dim: d rounded up to 16 */
    void *data;
};

/* Where a page's keys and values of a head begin, in elements. */
size_t kv_keys(const struct kv *kv, size_t layer, int32_t page, size_t head);
size_t kv_values(const struct kv *kv, size_t layer, int32_t page, size_t head);
const void *kv_at(const struct kv *kv, size_t element);

/* Rows that are computed together: all of one run of neighbours in the plan,
 * as pieces of sequences. */
struct attn_piece {
    uint32_t seq, row, n_rows; /* row: within the sequence's rows */
};
struct attn_item {
    uint32_t piece, n_pieces, n_rows;
};
enum { ATTN_ROWS = 64 }; /* rows x heads of an item, at most */

struct attn_plan {
    struct host_seqs s;
    size_t n_heads, n_kv_heads;
    size_t item_rows;  /* rows of an item, at most */
    size_t head_parts; /* a group of heads is cut into so many */
    struct attn_piece *pieces;
    struct attn_item *items;
    size_t n_pieces, n_items;
};

struct kv *cpu_kv_new(struct backend *b, enum elem type, size_t n_layers, size_t n_pages,
                      size_t n_kv_heads, size_t head_dim, struct err *e);
void cpu_kv_free(struct backend *b, struct kv *kv);
size_t cpu_kv_page_bytes(struct backend *b, enum elem type, size_t n_layers, size_t n_kv_heads,
                         size_t head_dim);
struct attn_plan *cpu_plan_new(struct backend *b, const struct plan_size *size, struct err *e);
void cpu_plan_free(struct backend *b, struct attn_plan *plan);
void cpu_plan_set(struct backend *b, struct attn_plan *plan, const struct attn_seq *seqs,
                  size_t n_seqs);
void cpu_kv_write(struct backend *b, const struct kv_write *a);
void cpu_attention(struct backend *b, const struct attention *a);
void cpu_attention_backward(struct backend *b, const struct attention_grad *a);
size_t attention_worker_floats(const struct op_limits *l);
size_t attention_grad_worker_floats(const struct op_limits *l);
size_t attention_grad_shared_floats(const struct op_limits *l);

/* ---- head and sampling (head.c, sample.c) ---- */

/* Log-sum-exp from the parts of a row's blocks, merged in double in rising order.
 * mean: of the logits under p, if the parts have their dot; may be NULL. */
double cpu_merge_parts(const struct vocab_part *parts, size_t n, double *mean);

void cpu_head(struct backend *b, const struct head *a);
void cpu_head_backward(struct backend *b, const struct head_grad *a);
void cpu_sample(struct backend *b, const struct sample *a);
void cpu_distribution(struct backend *b, const float *logits, size_t v,
                      const struct sample_row *row, double *p);
size_t head_worker_floats(void);
size_t head_shared_floats(const struct op_limits *l);
size_t sample_worker_floats(const struct op_limits *l);

/* ---- optimizer (adamw.c) ---- */

void cpu_adamw(struct backend *b, const struct adamw *a);
double cpu_dot(struct backend *b, const float *x, const float *y, size_t n);

#endif
