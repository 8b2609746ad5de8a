/* kv.cu - pages of keys and values, and how a batch is cut for the kernels.
 *
 * Everything about a batch that kernels must know is put together on the host and goes over in
 * one piece.  Single rows of neighbours that share a prompt (a decode step) are stacked: their
 * shared keys are read once. */
#include "compute/cuda/device.cuh"
#include "compute/cuda/attention.cuh"

#include <stdlib.h>
#include <string.h>

/* ---- pages ---- */

/* Tensor cores multiply bf16: that is what caches of both types give them. */
static enum elem kept_type(struct backend *b, enum elem type)
{
    return b->precision == PRECISION_BF16 ? ELEM_BF16 : type;
}

static size_t elem_bytes(enum elem type)
{
    return type == ELEM_BF16 ? sizeof(uint16_t) : sizeof(float);
}

size_t cuda_kv_page_bytes(struct backend *b, enum elem type, size_t n_layers, size_t n_kv_heads,
                          size_t head_dim)
{
    return n_layers * n_kv_heads * 2 * OPS_KV_BLOCK * head_dim * elem_bytes(kept_type(b, type));
}

struct kv *cuda_kv_new(struct backend *b, enum elem type, size_t n_layers, size_t n_pages,
                       size_t n_kv_heads, size_t head_dim, struct err *e)
{
    size_t page = cuda_kv_page_bytes(b, type, n_layers, n_kv_heads, head_dim);
    if (page && n_pages > SIZE_MAX / page) {
        err_set(e, ERR_DEVICE, "not enough memory for %zu pages of keys and values", n_pages);
        return NULL;
    }
    void *data = cuda_alloc(b, n_pages * page, e);
    if (!data)
        return NULL;
    struct kv *kv = static_cast<struct kv *>(xmalloc(sizeof *kv));
    *kv = {kept_type(b, type), n_layers, n_pages, n_kv_heads, head_dim, data};
    return kv;
}

void cuda_kv_free(struct backend *b, struct kv *kv)
{
    if (!kv)
        return;
    cuda_free(b, kv->data);
    free(kv);
}

/* A block for each sequence and some of its rows: keys, then values, N neighbours to a thread. */
enum { WRITE_ROWS = 8, WRITE_THREADS = 128 };

template <int N>
__global__ void write_pages(struct kv kv, size_t layer, const struct seq *seqs,
                            const int32_t *pages, struct rows k, struct rows v)
{
    struct seq s = seqs[blockIdx.y];
    unsigned d = (unsigned)kv.d, width = (unsigned)kv.n_heads * d, pieces = 2 * width / N;
    int first = (int)blockIdx.x * WRITE_ROWS;
    int rows = s.n_rows - first < WRITE_ROWS ? s.n_rows - first : (int)WRITE_ROWS;
    next_may_begin();
    kernel_before_ended();
    for (unsigned e = threadIdx.x; rows > 0 && e < (unsigned)rows * pieces; e += blockDim.x) {
        int r = first + (int)(e / pieces), position = s.n_keys - s.n_rows + r;
        unsigned i = e % pieces * N, value = i >= width ? 1 : 0;
        i -= value * width;
        size_t page = (size_t)pages[s.own + position / OPS_KV_BLOCK];
        size_t at = kv_place(&kv, layer, page, i / d) + value * OPS_KV_BLOCK * kv.d +
                    (size_t)(position % OPS_KV_BLOCK) * kv.d + i % d;
        float4 x = load4(row_at(value ? v : k, (size_t)(s.row + r)), i, i + N, N == 4);
        if (kv.type == ELEM_F32)
            store4(static_cast<float *>(kv.data) + at, 0, N, N == 4, x);
        else if (N == 4)
            store4_bf16(static_cast<uint16_t *>(kv.data) + at, 0, N, x);
        else
            static_cast<uint16_t *>(kv.data)[at] = to_bf16(x.x);
    }
}

enum { GRID_Y = 32768 };

void cuda_kv_write(struct backend *b, const struct kv_write *a)
{
    const struct attn_plan *plan = a->plan;
    size_t longest = plan->longest;
    ASSERT(a->layer < a->kv->n_layers);
    bool whole = whole_rows(a->k, a->kv->d) && whole_rows(a->v, a->kv->d);
    for (size_t i = 0; i < plan->s.n && longest; i += GRID_Y) {
        size_t n = plan->s.n - i < GRID_Y ? plan->s.n - i : (size_t)GRID_Y;
        LAUNCH_EARLY(cuda_of(b), (whole ? write_pages<4> : write_pages<1>),
                     dim3((unsigned)parts(longest, WRITE_ROWS), (unsigned)n), WRITE_THREADS, 0,
                     *a->kv, a->layer, plan->seqs + i, plan->pages, a->k, a->v);
    }
}

/* ---- plans ---- */

/* Places of the parts of plan->memory, all 4 bytes wide; sized for the largest batch. */
struct places {
    size_t seqs, pages, items, many, few, blocks, row_parts, sharers, end;
};

static struct places places_of(const struct plan_size *z, size_t page_limit)
{
    struct places p;
    size_t rows = z->n_rows + z->n_seqs + 1;
    p.seqs = 0;
    p.pages = p.seqs + z->n_seqs * sizeof(struct seq);
    p.items = p.pages + page_limit * sizeof(int32_t);
    p.many = p.items + rows * sizeof(struct item);
    p.few = p.many + (rows + STRIP_SLOTS + STRIP_PAD) * sizeof(struct strip);
    p.blocks = p.few + (rows + STRIP_SLOTS + STRIP_PAD) * sizeof(struct strip);
    p.row_parts = p.blocks + page_limit * sizeof(struct key_block);
    p.sharers = p.row_parts + z->n_rows * sizeof(struct row_parts);
    p.end = p.sharers + z->n_seqs * sizeof(struct sharers);
    return p;
}

struct attn_plan *cuda_plan_new(struct backend *b, const struct plan_size *size, struct err *e)
{
    ASSERT(size->n_kv_heads && size->n_heads % size->n_kv_heads == 0);
    struct attn_plan *plan = static_cast<struct attn_plan *>(xcalloc(1, sizeof *plan));
    plan->n_heads = size->n_heads;
    plan->n_kv_heads = size->n_kv_heads;
    struct places at = places_of(size, size->n_pages);
    plan->bytes = at.end;
    plan->host = static_cast<char *>(xcalloc(1, plan->bytes + 1));
    plan->memory = static_cast<char *>(cuda_alloc(b, plan->bytes, e));
    if (plan->memory && host_seqs_init(&plan->s, size, e)) {
        plan->seqs = reinterpret_cast<const struct seq *>(plan->memory + at.seqs);
        plan->pages = reinterpret_cast<const int32_t *>(plan->memory + at.pages);
        plan->items = reinterpret_cast<const struct item *>(plan->memory + at.items);
        plan->many.p = reinterpret_cast<const struct strip *>(plan->memory + at.many);
        plan->few.p = reinterpret_cast<const struct strip *>(plan->memory + at.few);
        plan->blocks = reinterpret_cast<const struct key_block *>(plan->memory + at.blocks);
        plan->row_parts = reinterpret_cast<const struct row_parts *>(plan->memory + at.row_parts);
        plan->sharers = reinterpret_cast<const struct sharers *>(plan->memory + at.sharers);
        return plan;
    }
    cuda_plan_free(b, plan);
    return NULL;
}

void cuda_plan_free(struct backend *b, struct attn_plan *plan)
{
    if (!plan)
        return;
    host_seqs_free(&plan->s);
    cuda_free(b, plan->memory);
    free(plan->host);
    free(plan);
}

/* The host's side of a list that goes to the device. */
template <typename T> static T *mine(const struct attn_plan *plan, const T *theirs)
{
    return reinterpret_cast<T *>(plan->host +
                                 (reinterpret_cast<const char *>(theirs) - plan->memory));
}

static void send(struct cuda *c, const struct attn_plan *plan, const void *theirs, size_t bytes)
{
    size_t at = (size_t)(static_cast<const char *>(theirs) - plan->memory);
    ASSERT(at + bytes <= plan->bytes);
    cuda_upload(&c->b, plan->memory + at, plan->host + at, bytes);
}

/* The sequence whose rows begin at `row`, or n: rows are rising. */
static size_t seq_at(const struct host_seqs *s, size_t row)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->seqs[mid].row < row)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->n && s->seqs[lo].row == row ? lo : s->n;
}

static void fill_sharers(struct attn_plan *plan)
{
    const struct host_seqs *s = &plan->s;
    struct sharers *to = mine(plan, plan->sharers);
    for (size_t i = 0; i < s->n; i++)
        to[i] = {0, 0};
    for (size_t k = 0; k < s->n; k++) {
        size_t i = s->seqs[k].n_shared ? seq_at(s, s->seqs[k].shared_row) : s->n;
        if (i == s->n || i == k)
            continue;
        if (to[i].end == 0)
            to[i].first = (int32_t)k;
        to[i].end = (int32_t)k + 1;
    }
}

static void fill_seqs(struct cuda *c, struct attn_plan *plan)
{
    const struct host_seqs *s = &plan->s;
    struct seq *to = mine(plan, plan->seqs);
    int32_t *pages = mine(plan, plan->pages);
    struct key_block *blocks = mine(plan, plan->blocks);
    size_t n_pages = 0;
    plan->n_blocks = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct attn_seq *q = &s->seqs[i];
        size_t own = parts(q->n_keys, OPS_KV_BLOCK), shared = parts(q->n_shared, OPS_KV_BLOCK);
        to[i] = {(int32_t)(q->shared_pages - s->pages),
                 (int32_t)q->n_shared,
                 (int32_t)(q->pages - s->pages),
                 (int32_t)q->n_keys,
                 (int32_t)q->row,
                 (int32_t)q->n_rows,
                 (int32_t)q->shared_row};
        if (!q->n_shared)
            to[i].shared = 0;
        size_t end = (size_t)to[i].own + own, shared_end = (size_t)to[i].shared + shared;
        n_pages = end > n_pages ? end : n_pages;
        n_pages = shared_end > n_pages ? shared_end : n_pages;
        for (size_t k = 0; k < own && plan->every_key; k++)
            blocks[plan->n_blocks++] = {(int32_t)i, (int32_t)k};
    }
    memcpy(pages, s->pages, n_pages * sizeof *pages);
    send(c, plan, plan->seqs, s->n * sizeof *to);
    send(c, plan, plan->pages, n_pages * sizeof *pages);
    if (!plan->every_key)
        return;
    fill_sharers(plan);
    send(c, plan, plan->blocks, plan->n_blocks * sizeof *blocks);
    send(c, plan, plan->sharers, s->n * sizeof(struct sharers));
}

/* Neighbours from i on that can be stacked: single rows with one shared run. */
static size_t stack_of(const struct host_seqs *s, size_t i, size_t most)
{
    size_t n = 1;
    if (s->seqs[i].n_rows != 1 || s->seqs[i].n_shared == 0)
        return 1;
    while (n < most && i + n < s->n && s->seqs[i + n].n_rows == 1 &&
           host_seqs_share(&s->seqs[i + n - 1], &s->seqs[i + n]))
        n++;
    return n;
}

/* Rows that fit a tile of `tile` stacked rows. Tensor cores do single rows by strips, so what is
 * here for them, the gradient's rows, is not stacked. */
static void fill_items(struct cuda *c, struct attn_plan *plan, size_t tile, bool stacks)
{
    const struct host_seqs *s = &plan->s;
    struct item *to = mine(plan, plan->items);
    size_t group = plan->n_heads / plan->n_kv_heads;
    plan->item_rows = group < tile ? tile / group : 1;
    plan->n_items = 0;
    for (size_t i = 0, n; i < s->n; i += n) {
        n = stacks ? stack_of(s, i, plan->item_rows) : 1;
        if (n > 1)
            to[plan->n_items++] = {(int32_t)i, (int32_t)n, 0, 1};
        for (size_t row = 0, rows; n == 1 && row < s->seqs[i].n_rows; row += rows) {
            rows = s->seqs[i].n_rows - row < plan->item_rows ? s->seqs[i].n_rows - row
                                                             : plan->item_rows;
            to[plan->n_items++] = {(int32_t)i, 1, (int32_t)row, (int32_t)rows};
        }
    }
    if (stacks || plan->every_key)
        send(c, plan, plan->items, plan->n_items * sizeof *to);
}

/* ---- strips, for tensor cores ----
 * A decode step has few rows and long runs of keys, so runs are cut into pieces of `cut` blocks,
 * whose results are put together afterwards, in order. */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

struct cutting {
    struct attn_plan *plan;
    struct row_parts *rows;
    bool few;          /* the heads of a row are */
    size_t cut, limit; /* blocks of a piece; parts of a row, at most */
    size_t cut_shared; /* blocks of a piece of a shared run */
    bool whole;        /* own runs of stacked rows are not cut: there are many */
    int32_t n_slots;
};

static struct strips *list_of(const struct cutting *x, const struct strip &s)
{
    return x->few && s.n_seqs == 1 && s.n_rows == 1 ? &x->plan->few : &x->plan->many;
}

static void add_strip(struct cutting *x, const struct strip &s)
{
    struct strips *to = list_of(x, s);
    mine(x->plan, to->p)[to->n++] = s;
}

static int32_t blocks_of(size_t n)
{
    return (int32_t)parts(n, OPS_KV_BLOCK);
}

/* Blocks [first, end) in n pieces, numbered from s.part on. */
static void cut_run(struct cutting *x, struct strip s, int32_t first, int32_t end, int32_t n)
{
    int32_t blocks = end - first;
    for (int32_t i = 0; i < n; i++) {
        s.first = first + blocks * i / n;
        s.end = first + blocks * (i + 1) / n;
        add_strip(x, s);
        s.part++;
    }
}

static int32_t pieces_of(int32_t blocks, size_t cut)
{
    return (int32_t)parts((size_t)blocks, cut);
}

/* Places for the n partial results of a row; n <= 1: it has none.  `left`: they are to be put together. */
static int32_t take_slots(struct cutting *x, size_t row, int32_t n, bool left)
{
    int32_t slot = x->n_slots;
    x->n_slots += n > 1 ? n : 0;
    x->rows[row] = {slot, left && n > 1 ? n : 0};
    x->plan->merges |= left && n > 1;
    ASSERT(x->n_slots <= STRIP_SLOTS);
    return slot;
}

static struct strip strip_of(const struct cutting *x, size_t seq, int32_t n_seqs, int32_t row,
                             int32_t n_rows)
{
    struct strip s = {};
    s.seq = (int32_t)seq, s.n_seqs = n_seqs, s.row = row, s.n_rows = n_rows;
    s.q = mine(x->plan, x->plan->seqs)[seq];
    return s;
}

/* Single rows that share a run: the run once for all, then each row's own keys, in one strip if they
 * are few: it puts together what all the strips of the row have found. */
static void cut_stack(struct cutting *x, size_t i, size_t n)
{
    const struct attn_seq *seqs = x->plan->s.seqs;
    int32_t shared = blocks_of(seqs[i].n_shared), before = pieces_of(shared, x->cut_shared);
    cut_run(x, strip_of(x, i, (int32_t)n, 0, 1), 0, shared, before);
    for (size_t k = i; k < i + n; k++) {
        int32_t end = shared + blocks_of(seqs[k].n_keys),
                own = x->whole ? 1 : pieces_of(end - shared, x->cut);
        struct strip s = strip_of(x, k, 1, 0, 1);
        s.closes = x->few && own == 1;
        s.part = before;
        s.parts = before + own;
        s.slot = take_slots(x, seqs[k].row, s.parts, !s.closes);
        cut_run(x, s, shared, end, own);
    }
}

static void cut_seq(struct cutting *x, size_t i, size_t rows_at_once)
{
    const struct attn_seq *q = &x->plan->s.seqs[i];
    int32_t shared = blocks_of(q->n_shared);
    for (size_t row = 0, rows; row < q->n_rows; row += rows) {
        rows = q->n_rows - row < rows_at_once ? q->n_rows - row : rows_at_once;
        int32_t end = shared + blocks_of(q->n_keys - q->n_rows + row + rows);
        struct strip s = strip_of(x, i, 1, (int32_t)row, (int32_t)rows);
        s.parts = q->n_rows == 1 && x->limit > 1 ? pieces_of(end, x->cut) : 1;
        for (size_t k = 0; k < rows; k++)
            s.slot = take_slots(x, q->row + row + k, s.parts, true);
        cut_run(x, s, 0, end, s.parts);
    }
}

/* Pieces so long that there are a few for every processor, and no more than STRIP_SLOTS in all. */
static void choose_cut(const struct cuda *c, struct cutting *x)
{
    const struct host_seqs *all = &x->plan->s;
    size_t heads = x->plan->n_kv_heads, sms = (size_t)c->sms;
    size_t own = 0, shared = 0, longest = 1, singles = 0;
    for (size_t i = 0; i < all->n; i++) {
        const struct attn_seq *s = &all->seqs[i];
        if (s->n_rows != 1)
            continue;
        size_t of_own = parts(s->n_keys, OPS_KV_BLOCK),
               of_shared = parts(s->n_shared, OPS_KV_BLOCK);
        bool stacked = i > 0 && s->n_shared && s[-1].n_rows == 1 && host_seqs_share(&s[-1], s);
        singles++;
        own += of_own;
        shared += stacked ? 0 : of_shared;
        longest = larger(longest, of_own + of_shared);
    }
    x->limit = singles ? STRIP_SLOTS / singles : 1;
    x->limit = x->limit > STRIP_PARTS ? (size_t)STRIP_PARTS : x->limit;
    size_t least = x->limit > 2 ? parts(longest, x->limit - 2) : longest;
    x->cut = larger(larger((own + shared) * heads / (8 * sms) + 1, 4), least);
    x->whole = singles * heads >= 2 * sms;
    x->cut_shared = x->whole ? larger(parts(shared * heads, 2 * sms), least) : x->cut;
}

static void send_strips(struct cuda *c, const struct attn_plan *plan, struct strips *s)
{
    struct strip *to = mine(plan, s->p);
    s->grid = up(s->n, STRIP_PAD);
    memset(to + s->n, 0, (s->grid - s->n) * sizeof *to);
    send(c, plan, s->p, s->grid * sizeof *to);
}

static void fill_strips(struct cuda *c, struct attn_plan *plan)
{
    const struct host_seqs *s = &plan->s;
    size_t group = plan->n_heads / plan->n_kv_heads;
    size_t rows = group < STRIP_ROWS ? STRIP_ROWS / group : 1;
    struct cutting x = {plan, mine(plan, plan->row_parts), group <= FEW_ROWS, 0, 0, 0, 0, false};
    choose_cut(c, &x);
    memset(x.rows, 0, plan->n_rows * sizeof *x.rows); /* rows of no sequence have no parts */
    plan->many.n = plan->few.n = 0;
    plan->merges = false;
    for (size_t i = 0, n; i < s->n; i += n) {
        n = x.limit > 1 ? stack_of(s, i, rows) : 1;
        if (n > 1)
            cut_stack(&x, i, n);
        else
            cut_seq(&x, i, rows);
    }
    send_strips(c, plan, &plan->many);
    send_strips(c, plan, &plan->few);
    send(c, plan, plan->row_parts, plan->n_rows * sizeof *x.rows);
}

void cuda_plan_set(struct backend *b, struct attn_plan *plan, const struct attn_seq *seqs,
                   size_t n_seqs)
{
    struct cuda *c = cuda_of(b);
    host_seqs_set(&plan->s, seqs, n_seqs);
    size_t rows = 0;
    plan->n_rows = plan->longest = plan->n_items = 0;
    plan->every_key = true;
    for (size_t i = 0; i < n_seqs; i++) {
        plan->n_rows = seqs[i].row + seqs[i].n_rows;
        rows += seqs[i].n_rows;
        plan->longest = seqs[i].n_rows > plan->longest ? seqs[i].n_rows : plan->longest;
        plan->every_key = plan->every_key && seqs[i].n_rows == seqs[i].n_keys;
    }
    plan->covered = rows == plan->n_rows;
    if (n_seqs == 0)
        return;
    fill_seqs(c, plan);
    bool tensor = b->precision == PRECISION_BF16;
    if (tensor)
        fill_strips(c, plan);
    fill_items(c, plan, tensor ? STRIP_ROWS : EXACT_ROWS, !tensor);
}
