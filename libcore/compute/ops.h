/* ops.h - the operators: the specification that every device implements.
 *
 * ref/ is its meaning in plain loops and double arithmetic; cpu/ is fast and
 * has one reduction order; both pass tests/ops.  To add an operator: a
 * paragraph here, ref, cpu, and a row in tests/ops.
 *
 * Names: M rows (tokens), N outputs, K inputs, H query heads, G key/value
 * heads, D head size, V vocabulary.  dx is the gradient of x.  Everything
 * is f32 unless it says otherwise.  A matrix of activations is `struct rows`:
 * row m begins at p + m * stride, so that q, k and v can be columns of one
 * matrix.  Operands do not overlap unless a comment allows it.  Sizes of 0 do nothing.
 *
 * What "chain" means: s = +0; for i rising: s = fma(a[i], b[i], s), one rounding
 * each.  What a row's result depends on: its own inputs.  Not M, not the rows
 * beside it, not threads, not the instruction set.  On `cpu` both hold for
 * every operator, gradients included, and `cuda` gives the same bits with PRECISION_EXACT
 * (sums along a row go in sixteen lanes, element i in lane i % 16, folded by halves); with PRECISION_BF16 the chain is that of
 * `vdpbf16ps` over pairs of rising i and needs a CPU that has it.
 *
 * Operators cannot fail: sizes are within the limits given to reserve(), ids
 * within their tables; both are asserted where it costs nothing.  Whoever hands
 * in values from a file has checked them. */
#ifndef COMPUTE_OPS_H
#define COMPUTE_OPS_H

#include "compute/backend.h"

enum elem { ELEM_F32, ELEM_BF16 };

struct rows {
    float *p;      /* device */
    size_t stride; /* elements from one row to the next */
};

/* Row `row` as the first. */
static inline struct rows rows_from(struct rows r, size_t row)
{
    return (struct rows){r.p ? r.p + row * r.stride : NULL, r.stride};
}

/* Sums over rows (gradients of weights, biases, norms) go over blocks of this
 * many rows: a chain inside a block, blocks added in rising order. */
enum { OPS_ROW_BLOCK = 256 };

/* ---- weights ----
 * A matrix (N, K) that activations are multiplied with, opaque because devices
 * pack it.  The same object serves embed() and linear(), so a tied embedding
 * is stored once.  Values are kept as stored and upcast exactly when used;
 * under PRECISION_BF16 every use, embed() included, sees them rounded to bf16. */
struct weight;

/* ---- paged keys and values ----
 * The caches of all layers: n_pages pages, a page is one block of OPS_KV_BLOCK
 * positions in every layer.  Who owns which page is the caller's affair. */
enum { OPS_KV_BLOCK = 64 };
struct kv;

/* ---- attention ----
 * One sequence of a batch: its own run of keys, the rows that are its last
 * n_rows positions, and before it a run that may be shared with others (the prompt of a
 * group; n_shared = 0: none).  A row at position i of its own run sees the
 * whole shared run and positions 0..i of its own.  Blocks of keys start
 * at 0 in the shared run and again at 0 in the own run, and row results go
 * over them in that order.
 *
 * A prompt in training or prefill is a sequence without a shared run; its
 * responses share it.  A decode step is sequences with n_rows = 1.
 * Neighbours whose shared pages and n_shared are equal are computed together. */
struct attn_seq {
    const int32_t *shared_pages; /* host; (n_shared + 63) / 64 of them */
    size_t n_shared;
    const int32_t *pages; /* host; (n_keys + 63) / 64 of them */
    size_t n_keys;        /* own positions, this call's rows included */
    size_t row, n_rows;   /* rows [row, row + n_rows) of the batch; n_rows <= n_keys */
    size_t shared_row;    /* attention_backward: the row of the shared run's position 0 */
};

/* A batch's sequences, prepared once and used by every layer. */
struct attn_plan;

/* What a plan must have room for: batches of up to n_rows rows and n_seqs
 * sequences, n_pages pages in all their lists (shared lists counted once per run of neighbours). */
struct plan_size {
    size_t n_heads, n_kv_heads; /* H, a multiple of G */
    size_t n_rows, n_seqs, n_pages;
};

/* ---- arguments ---- */

/* y[m,n] = (chain over k of x[m,k] w[n,k]) + bias[n] + residual[m,n], added in that order. */
struct linear {
    const struct weight *w;
    size_t m;
    struct rows x;        /* (M,K) */
    struct rows y;        /* (M,N) */
    const float *bias;    /* device (N); NULL: none */
    struct rows residual; /* (M,N), may be y; p NULL: none */
};

/* dx[m,k] = chain over n of dy[m,n] w[n,k]  (added to dx if add_dx)
 * dw[n,k] += sum over m of dy[m,n] x[m,k]   (row blocks)
 * db[n]   += sum over m of dy[m,n]          (row blocks) */
struct linear_grad {
    const struct weight *w;
    size_t m;
    struct rows x;  /* (M,K); needed for dw */
    struct rows dy; /* (M,N) */
    struct rows dx; /* (M,K); p NULL: not wanted */
    bool add_dx;
    float *dw; /* device (N,K), rows without gaps; NULL: not wanted */
    float *db; /* device (N); NULL: not wanted */
};

/* A result that is `fleeting` is needed by the products that come next only: as x or dy (without db) of
 * linear() and linear_backward(), with at most one norm() between.  A device may keep it as products read
 * it and leave the rows as they are. */

/* For every row m and h < heads, on the c elements at x.p + m * x.stride + h * c:
 * y = x * r * w with r = 1 / sqrt(mean(x^2) + eps).  y may be x.
 * heads = 1 is the norm of a row, more is Qwen3's norm of queries or keys. */
struct norm {
    size_t m, heads, c;
    struct rows x, y;
    const float *w; /* device (c) */
    float eps;
    bool fleeting;
};

/* dx = r w dy - x r^3 mean(x w dy)   (added to dx if add_dx; dx may be dy)
 * dw += sum over m and h of dy x r   (row blocks, h rising inside a row) */
struct norm_grad {
    size_t m, heads, c;
    struct rows x, dy, dx; /* x: what the forward pass read */
    bool add_dx;
    const float *w;
    float *dw; /* device (c); NULL: not wanted */
    float eps;
};

/* Rotary positions, half-split, in place: of each head's d elements the pairs (i, i + rot / 2),
 * i < rot / 2, turn by the angle whose cosine and sine are in row pos[m] of the tables:
 *     lo' = lo c - hi s;  hi' = hi c + lo s      (inverse: s negated, the gradient)
 * The factor of YaRN is in the tables. */
struct rope_args {
    size_t m, heads, d, rot;
    struct rows x;
    const int32_t *pos;     /* device (M) */
    const float *cos, *sin; /* device (positions, rot / 2) */
    bool inverse;
};

/* y[m,i] = silu(g) u with g = gu[m,i], u = gu[m,f+i], silu(g) = g / (1 + exp(-g)). */
struct swiglu {
    size_t m, f;
    struct rows gu; /* (M,2F) */
    struct rows y;  /* (M,F) */
    bool fleeting;
};

/* dg = dy u s (1 + g (1 - s)), du = dy g s with s = 1 / (1 + exp(-g)).  dgu may be gu. */
struct swiglu_grad {
    size_t m, f;
    struct rows gu, dy, dgu;
    bool fleeting;
};

/* Writes the rows' keys and values into the pages of their positions, rounded to
 * the caches' type.  Before attention() of the same layer. */
struct kv_write {
    struct kv *kv;
    size_t layer;
    const struct attn_plan *plan;
    struct rows k, v; /* (M, G * D) */
};

/* out[row, h] = sum over visible keys j of p_j v_j[h / (H/G)], p = softmax(scale q.k_j).
 * Scores are chains over D, times scale.  Per row and head, over the blocks in
 * order: new maximum, old sums times exp(old maximum - new), then the block's
 * keys in a chain.  lse[row * H + h] = log of the sum of exp(scale q.k_j). */
struct attention {
    const struct kv *kv;
    size_t layer;
    const struct attn_plan *plan;
    struct rows q, out; /* (M, H * D); out may be q */
    float *lse;         /* device (M, H); NULL: not wanted */
    float scale;
};

/* The gradient.  Every key of the plan has its row in the batch, which has no others: n_rows = n_keys,
 * and shared runs are sequences of the same plan, named by shared_row.
 *     P_ij = exp(scale q_i.k_j - lse_i), D_i = sum over d of dout out
 *     dV_j = sum P_ij dout_i;  dS = P (dout.v - D);  dq_i = scale sum dS k_j;  dk_j = scale sum dS q_i
 * k and v are read from the pages; rounding to bf16 there counts as the identity.
 * A shared key sums over its own rows first and then over the
 * sequences in the plan's order, whatever their number. */
struct attention_grad {
    const struct kv *kv;
    size_t layer;
    const struct attn_plan *plan;
    struct rows q, out, dout; /* (M, H * D) */
    const float *lse;
    struct rows dq;     /* (M, H * D), overwritten */
    struct rows dk, dv; /* (M, G * D), overwritten */
    float scale;
};

/* ---- the head ----
 * logits[m,j] = chain over k of x[m,k] w[j,k], j < V.  They never exist for all rows at once.
 * lse_m = log sum exp over all V: in blocks of OPS_VOCAB_BLOCK ids, each with its own maximum,
 * merged in double in rising order.  For target t of row m:
 *     logp_t = (float)(logits[m, id_t] - lse_m)
 *     H_m = lse_m - sum p_j logits[m,j] */
enum { OPS_VOCAB_BLOCK = 512 };

struct head_target {
    int32_t row; /* rising; several targets may have the same row */
    int32_t id;
};

struct head_row { /* kept from head() for head_backward() */
    double lse, entropy;
};

struct head {
    const struct weight *w; /* (V,K) */
    size_t m;
    struct rows x;                     /* (M,K) */
    const struct head_target *targets; /* host */
    size_t n_targets;
    float *logp;           /* host (n_targets) */
    struct head_row *rows; /* host (M) */
    bool entropy;          /* false: rows[].entropy is not filled, which is cheaper */
};

/* dlogits[m,j] = sum over the row's targets t, rising, of dlogp_t ([j = id_t] - p_j)
 *                                               + dentropy_t (- p_j (log p_j + H_m))
 * dx = dlogits w (overwritten);  dw += dlogits^T x, as in linear_grad. */
struct head_grad {
    const struct weight *w;
    size_t m;
    struct rows x;
    const struct head_target *targets;
    size_t n_targets;
    const struct head_row *rows;
    const double *dlogp;    /* host (n_targets) */
    const double *dentropy; /* host (n_targets); NULL: all 0 */
    struct rows dx;         /* (M,K) */
    float *dw;              /* device (V,K); NULL: not wanted */
};

/* ---- sampling ----
 * From logits z of one row, which stay as they are:
 *   1. ids from `limit` on are excluded; repetition penalty p on the ids in `seen` (each once,
 *      however often it is there): z p if z < 0, else z / p
 *   2. temperature T: z / T; T = 0 takes the largest, the lowest id of equals
 *   3. top_k: those below the k-th largest go (equals of the k-th stay)
 *   4. top_p: in falling order of z (of equals the lowest id first) those go before which the
 *      sum of probabilities has reached top_p
 *   5. min_p: those below min_p times the largest probability go
 * then the first id, in id order, at which the cumulated probability exceeds u.
 * logp is that of head(): full vocabulary, T = 1, no penalty, the same bits. */
struct sample_row {
    double temperature, top_p, min_p, penalty; /* off: 1, 1, 0, 1 */
    int32_t top_k;                             /* off: 0 */
    int32_t limit;                             /* 1..V */
    double u;                                  /* [0, 1) */
    const int32_t *seen;                       /* host; may be NULL if penalty is 1 */
    size_t n_seen;
};

struct sample_out {
    int32_t id;
    float logp;
};

struct sample {
    size_t m, v;
    struct rows logits;            /* (M,V), from linear() */
    const struct sample_row *rows; /* host (M) */
    struct sample_out *out;        /* host (M) */
};

/* ---- optimizer ----
 * AdamW with decoupled decay, elementwise, in this order (ENGINE: f32):
 *     g *= grad_scale;  p *= 1 - lr wd;  m += (1 - b1)(g - m);  v = b2 v + (1 - b2) g g
 *     p -= (lr / bc1) m / (sqrt(v) / sqrt(bc2) + eps);   bc = 1 - b^step
 * and, if zero_grad, g = 0. */
struct adamw {
    size_t n;
    float *p, *g, *m, *v; /* device */
    double lr, beta1, beta2, eps, weight_decay, grad_scale;
    uint64_t step; /* from 1 */
    bool zero_grad;
};

/* ---- lanes ----
 * Operators on little data are over before threads have found each other.  Where parts of a batch
 * need nothing of one another, each can instead go through many operators on a thread of its own.
 * `lane` is a backend over the same memory and objects, for this call only; what two calls
 * write is disjoint, and results are the same as without lanes. */
typedef void lane_fn(struct backend *lane, size_t part, void *arg);

struct ops {
    void (*close)(struct backend *b); /* through backend_close() */

    /* -- memory: device, aligned to 64 bytes, zeroed.  NULL and ERR_DEVICE if there is none -- */
    void *(*alloc)(struct backend *b, size_t bytes, struct err *e);
    void (*free)(struct backend *b, void *p); /* accepts NULL */
    void (*upload)(struct backend *b, void *device, const void *host, size_t bytes);
    void (*download)(struct backend *b, void *host, const void *device, size_t bytes);
    void (*copy)(struct backend *b, void *to, const void *from, size_t bytes); /* device */
    void (*zero)(struct backend *b, void *p, size_t bytes);
    /* Bytes that may be allocated in all, taken already included; 0: ordinary memory, no limit of
     * its own. */
    uint64_t (*memory)(struct backend *b);
    bool (*reserve)(struct backend *b, const struct op_limits *l, struct err *e);
    size_t (*reserve_bytes)(struct backend *b, const struct op_limits *l);

    /* How many lanes run at once; 1: there is nothing to gain. */
    size_t (*lanes)(struct backend *b);
    /* fn for every part < n, n at most the limits' lanes.  A single part is given b itself. */
    void (*run_lanes)(struct backend *b, size_t n, lane_fn *fn, void *arg);

    /* -- weights -- */
    /* A matrix of its own, for reading: packed.  Zero until loaded. */
    struct weight *(*weight_new)(struct backend *b, enum elem type, size_t n, size_t k,
                                 struct err *e);
    /* Whether the device multiplies f32 rows where they are.  false: it would change them at every
     * use, and keeps a copy instead, which weight_refresh() renews. */
    bool (*views)(struct backend *b);
    /* A view of f32 rows (n,k) in the caller's device memory (the masters in training): nothing is
     * stored twice, every use reads the values of then.  Only if views(). */
    struct weight *(*weight_view)(struct backend *b, const float *rows, size_t n, size_t k);
    void (*weight_free)(struct backend *b, struct weight *w); /* accepts NULL */
    size_t (*weight_bytes)(struct backend *b, enum elem type, size_t n, size_t k);
    /* Rows [row, row + n_rows) from, to host f32 without gaps.  ELEM_BF16 rounds to nearest even,
     * NaN stays quiet.  Not for views. */
    void (*weight_load)(struct backend *b, struct weight *w, size_t row, size_t n_rows,
                        const float *host);
    void (*weight_read)(struct backend *b, const struct weight *w, size_t row, size_t n_rows,
                        float *host);
    /* All rows again from f32 masters (n,k) in device memory; nothing to do for a view. */
    void (*weight_refresh)(struct backend *b, struct weight *w, const float *masters);

    /* -- products -- */
    void (*linear)(struct backend *b, const struct linear *a);
    void (*linear_backward)(struct backend *b, const struct linear_grad *a);

    /* -- rows -- */
    /* y[i] = row ids[i] of w. */
    void (*embed)(struct backend *b, const struct weight *w, const int32_t *ids, size_t m,
                  struct rows y);
    /* row ids[i] of dw (without gaps, c columns) += dy[i], i rising. */
    void (*embed_backward)(struct backend *b, float *dw, size_t c, const int32_t *ids, size_t m,
                           struct rows dy);
    /* y[i] = x[index[i]], c columns. */
    void (*gather)(struct backend *b, struct rows y, struct rows x, const int32_t *index, size_t m,
                   size_t c);
    /* x[index[i]] += y[i]; no index twice. */
    void (*scatter_add)(struct backend *b, struct rows x, struct rows y, const int32_t *index,
                        size_t m, size_t c);
    /* y[i] += x[i], n elements. */
    void (*add)(struct backend *b, float *y, const float *x, size_t n);
    void (*norm)(struct backend *b, const struct norm *a);
    void (*norm_backward)(struct backend *b, const struct norm_grad *a);
    void (*rope)(struct backend *b, const struct rope_args *a);
    void (*swiglu)(struct backend *b, const struct swiglu *a);
    void (*swiglu_backward)(struct backend *b, const struct swiglu_grad *a);

    /* -- attention -- */
    struct kv *(*kv_new)(struct backend *b, enum elem type, size_t n_layers, size_t n_pages,
                         size_t n_kv_heads, size_t head_dim, struct err *e);
    void (*kv_free)(struct backend *b, struct kv *kv); /* accepts NULL */
    size_t (*kv_page_bytes)(struct backend *b, enum elem type, size_t n_layers, size_t n_kv_heads,
                            size_t head_dim);
    struct attn_plan *(*plan_new)(struct backend *b, const struct plan_size *size, struct err *e);
    void (*plan_free)(struct backend *b, struct attn_plan *plan); /* accepts NULL */
    /* Copies what it needs; seqs' rows are rising and do not overlap. */
    void (*plan_set)(struct backend *b, struct attn_plan *plan, const struct attn_seq *seqs,
                     size_t n_seqs);
    void (*kv_write)(struct backend *b, const struct kv_write *a);
    void (*attention)(struct backend *b, const struct attention *a);
    void (*attention_backward)(struct backend *b, const struct attention_grad *a);

    /* -- head and sampling -- */
    void (*head)(struct backend *b, const struct head *a);
    void (*head_backward)(struct backend *b, const struct head_grad *a);
    void (*sample)(struct backend *b, const struct sample *a);
    /* The distribution that sample() draws from: host p (v), 0 where excluded, sum 1. */
    void (*distribution)(struct backend *b, const float *logits, size_t v,
                         const struct sample_row *row, double *p);

    /* -- training -- */
    void (*adamw)(struct backend *b, const struct adamw *a);
    /* Sum of x[i] y[i] in double, in an order that depends on n only. */
    double (*dot)(struct backend *b, const float *x, const float *y, size_t n);

    /* -- steps -- */
    /* NULL on devices that gain nothing.  Between begin and end only embed(), linear(), norm(),
     * rope(), swiglu(), kv_write() and attention() are called, and they may be done, in order, by
     * the end: what they point to stays until then.  The same calls again may cost less. */
    void (*step_begin)(struct backend *b);
    void (*step_end)(struct backend *b);

    /* -- measuring -- */
    /* Operations per second of the product's instruction on all threads at once, measured in some
     * milliseconds: the limit that shares of peak refer to.  0: not known. */
    double (*peak_flops)(struct backend *b);
};

#endif
