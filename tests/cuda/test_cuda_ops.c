/* test_cuda_ops.c - the CUDA device's operators on an emulated GPU (tests/cuda-emu), or, compiled
 * with GCPO_REAL_GPU, on a real one, with the shapes of tests/ops as well.
 *
 * With PRECISION_EXACT all bits are those of the CPU, which tests/ops ties to ref.  The other
 * precisions are near ref.  Everything gives the same bits again, whatever the order in which
 * threads and blocks run. */
#include "../ops/ops_table.h"
#include "../tap.h"

#include "cases.h"

#ifdef GCPO_REAL_GPU
static void emu_order(unsigned order) /* the GPU takes its own */
{
    (void)order;
}
#else
#include "../cuda-emu/emu.h"
#endif

/* All cases, one after another; GPU_SMALL leaves out the large ones, for slow checkers, and GPU_ONLY
 * those without it in their name. */
static const struct op_case *case_at(size_t *i)
{
    for (;; ++*i) {
        const struct op_case *c = *i < N_CUDA_CASES ? &cuda_cases[*i] : NULL;
#ifdef GCPO_REAL_GPU
        if (*i >= N_CUDA_CASES && *i - N_CUDA_CASES < N_OP_CASES && !getenv("GPU_SMALL"))
            c = &op_cases[*i - N_CUDA_CASES];
#endif
        if (!c || strstr(c->name, getenv("GPU_ONLY") ? getenv("GPU_ONLY") : ""))
            return c;
    }
}

static bool no_gpu(void)
{
    if (backend_is_gpu(NULL))
        return false;
    SKIP("no GPU is there");
    return true;
}

static bool same(const float *a, const float *b, size_t n)
{
    return n == 0 || memcmp(a, b, n * sizeof *a) == 0;
}

static struct backend *open_or_die(const char *device, enum precision precision)
{
    struct backend *b = run_open(device, NULL, 2, precision);
    ASSERT(b);
    return b;
}

static void compare_bits(const struct op_case *c, const struct run *x, const struct run *y,
                         const char *what)
{
    CHECK(x->n_out == y->n_out);
    size_t i = 0;
    while (i < x->n_out && same(&x->out[i], &y->out[i], 1))
        i++;
    if (i == x->n_out)
        return;
    printf("# %s (%zu, %zu, %zu, %zu, %zu, %zu): %s differ at %zu of %zu: %a, %a\n", c->name,
           c->shape[0], c->shape[1], c->shape[2], c->shape[3], c->shape[4], c->shape[5], what, i,
           x->n_out, (double)x->out[i], (double)y->out[i]);
    CHECK(!"the same bits");
}

static void exact_is_the_cpu(void)
{
    if (no_gpu())
        return;
    size_t n = 0;
    struct backend *cuda = open_or_die("cuda", PRECISION_EXACT);
    struct backend *cpu = open_or_die("cpu", PRECISION_EXACT);
    for (const struct op_case *c; (c = case_at(&n)); n++) {
        struct run a, b;
        run_case(&a, cuda, c);
        run_case(&b, cpu, c);
        compare_bits(c, &a, &b, "cuda and cpu");
        free(a.out);
        free(b.out);
    }
    backend_close(cuda);
    backend_close(cpu);
}

/* In all orders of threads. */
static void draws_are_those_of_the_cpu(void)
{
    if (no_gpu())
        return;
    struct backend *cuda = open_or_die("cuda", PRECISION_EXACT);
    struct backend *cpu = open_or_die("cpu", PRECISION_EXACT);
    for (size_t i = 0; i < N_SAMPLE_CASES; i++) {
        static const unsigned orders[] = {0, 1, 77};
        struct run want, got;
        run_case(&want, cpu, &sample_cases[i]);
        for (size_t k = 0; k < sizeof orders / sizeof *orders; k++) {
            emu_order(orders[k]);
            run_case(&got, cuda, &sample_cases[i]);
            compare_bits(&sample_cases[i], &got, &want, "cuda and cpu");
            free(got.out);
        }
        free(want.out);
    }
    emu_order(0);
    backend_close(cuda);
    backend_close(cpu);
}

/* ---- races ---- */

/* Cases whose name has `only` in it; NULL: all. */
static void orders_agree(enum precision precision, const char *only)
{
    static const unsigned orders[] = {1, 77}; /* falling, and drawn */
#ifdef EMU_RACES
    SKIP("with RACES=1 the causes are looked for");
    return;
#endif
    if (no_gpu())
        return;
    size_t n = 0;
    struct backend *b = open_or_die("cuda", precision);
    for (const struct op_case *c; (c = case_at(&n)); n++) {
        struct run first, other;
        if (only && !strstr(c->name, only))
            continue;
        emu_order(orders[0]);
        run_case(&first, b, c);
        for (size_t k = 1; k < sizeof orders / sizeof *orders; k++) {
            emu_order(orders[k]);
            run_case(&other, b, c);
            compare_bits(c, &first, &other, "two orders of threads");
            free(other.out);
        }
        free(first.out);
    }
    emu_order(0);
    backend_close(b);
}

static void order_of_threads(void)
{
    orders_agree(PRECISION_EXACT, NULL);
}

static void order_of_threads_bf16(void)
{
    orders_agree(PRECISION_BF16, NULL);
}

/* ---- near ref ---- */

static double distance(const struct run *a, const struct run *b)
{
    double d = 0, s = 0;
    for (size_t i = 0; i < a->n_out; i++) {
        double x = (double)a->out[i], y = (double)b->out[i];
        if (!isfinite(x) || !isfinite(y))
            return HUGE_VAL;
        d += (x - y) * (x - y);
        s += y * y;
    }
    return s > 0 ? sqrt(d / s) : sqrt(d);
}

static void near_ref(enum precision precision, enum precision refs, double least, double attention,
                     const char *only)
{
    if (no_gpu())
        return;
    struct backend *ref = open_or_die("ref", refs), *cuda = open_or_die("cuda", precision);
    size_t n = 0;
    for (const struct op_case *c; (c = case_at(&n)); n++) {
        struct run a, b;
        if (only && !strstr(c->name, only))
            continue;
        double bound = strstr(c->name, "attention") ? fmax(c->bound, attention)
                                                    : fmax(c->bound, least);
        run_case(&a, cuda, c);
        run_case(&b, ref, c);
        CHECK(a.n_out == b.n_out);
        double d = distance(&a, &b);
        if (!(d <= bound)) {
            printf("# %s (%zu, %zu, %zu, %zu, %zu, %zu): distance %g, bound %g\n", c->name,
                   c->shape[0], c->shape[1], c->shape[2], c->shape[3], c->shape[4], c->shape[5], d,
                   bound);
            CHECK(!"near");
        }
        free(a.out);
        free(b.out);
    }
    backend_close(ref);
    backend_close(cuda);
}

/* Attention rounds queries and weights to bf16 as well, which ref does not. */
static void bf16_is_near_ref(void)
{
    near_ref(PRECISION_BF16, PRECISION_BF16, 1e-4, 8e-3, NULL);
}

static void tf32_is_near_ref(void)
{
    near_ref(PRECISION_TF32, PRECISION_EXACT, 6e-4, 0, "linear");
}

static void f32_is_near_ref(void)
{
    near_ref(PRECISION_F32, PRECISION_EXACT, 4e-6, 0, "linear");
}

#ifndef GCPO_REAL_GPU
static void shapes_that_the_library_refuses(void)
{
    emu_lt_refuse(true);
    near_ref(PRECISION_BF16, PRECISION_BF16, 1e-4, 8e-3, "linear");
    emu_lt_refuse(false);
}

/* What is rounded lies where tensor cores can take it, whatever the widths. */
static void odd_widths_suit_the_library(void)
{
    unsigned long long before = emu_lt_refused();
    struct backend *cuda = open_or_die("cuda", PRECISION_BF16);
    static const struct op_case odd[] = {{"linear", case_linear, {9, 520, 99, 0}, 0},
                                         {"linear", case_linear_backward, {9, 301, 90, 0}, 0}};
    for (size_t i = 0; i < 2; i++) {
        struct run r;
        run_case(&r, cuda, &odd[i]);
        free(r.out);
    }
    backend_close(cuda);
    CHECK_INT(emu_lt_refused(), before);
}

/* ---- shadows ---- */

/* What can overwrite rows y (m,n), n even. */
struct writing {
    struct rows y, x, wide; /* (m,n), (m,2n) */
    struct weight *square;
    const float *w;
    float *host;
    const int32_t *ids, *few; /* rising; below n */
    size_t m, n;
};

static void w_norm(struct backend *b, const struct writing *a)
{
    b->op->norm(b,
                &(struct norm){.m = a->m, .heads = 1, .c = a->n, .x = a->x, .y = a->y, .w = a->w});
}
static void w_norm_in_place(struct backend *b, const struct writing *a)
{
    b->op->norm(b,
                &(struct norm){.m = a->m, .heads = 1, .c = a->n, .x = a->y, .y = a->y, .w = a->w});
}
static void w_norm_heads(struct backend *b, const struct writing *a)
{
    b->op->norm(
        b, &(struct norm){.m = a->m, .heads = 2, .c = a->n / 2, .x = a->x, .y = a->y, .w = a->w});
}
static void w_norm_grad(struct backend *b, const struct writing *a)
{
    b->op->norm_backward(b, &(struct norm_grad){.m = a->m,
                                                .heads = 1,
                                                .c = a->n,
                                                .x = a->x,
                                                .dy = a->wide,
                                                .dx = a->y,
                                                .add_dx = true,
                                                .w = a->w});
}
static void w_gate(struct backend *b, const struct writing *a)
{
    b->op->swiglu(b, &(struct swiglu){.m = a->m, .f = a->n, .gu = a->wide, .y = a->y});
}
static void w_gate_grad(struct backend *b, const struct writing *a)
{
    b->op->swiglu_backward(
        b, &(struct swiglu_grad){.m = a->m, .f = a->n / 2, .gu = a->x, .dy = a->wide, .dgu = a->y});
}
static void w_linear(struct backend *b, const struct writing *a)
{
    b->op->linear(b, &(struct linear){.w = a->square, .m = a->m, .x = a->x, .y = a->y});
}
static void w_linear_grad(struct backend *b, const struct writing *a)
{
    b->op->linear_backward(
        b, &(struct linear_grad){.w = a->square, .m = a->m, .dy = a->x, .dx = a->y});
}
static void w_dw(struct backend *b, const struct writing *a)
{
    b->op->linear_backward(
        b, &(struct linear_grad){
               .w = a->square, .m = a->m, .dy = a->x, .x = a->x, .dw = a->y.p, .db = a->y.p});
}
static void w_gather(struct backend *b, const struct writing *a)
{
    b->op->gather(b, a->y, a->x, a->ids, a->m, a->n);
}
static void w_scatter(struct backend *b, const struct writing *a)
{
    b->op->scatter_add(b, a->y, a->x, a->ids, a->m, a->n);
}
static void w_add(struct backend *b, const struct writing *a)
{
    b->op->add(b, a->y.p, a->x.p, a->n);
}
static void w_embed(struct backend *b, const struct writing *a)
{
    b->op->embed(b, a->square, a->few, a->m, a->y);
}
static void w_rope(struct backend *b, const struct writing *a)
{
    b->op->rope(b, &(struct rope_args){.m = a->m,
                                       .heads = 1,
                                       .d = a->n,
                                       .rot = a->n,
                                       .x = a->y,
                                       .pos = a->ids,
                                       .cos = a->wide.p,
                                       .sin = a->wide.p});
}
static void w_upload(struct backend *b, const struct writing *a)
{
    b->op->upload(b, a->y.p, a->host, a->n * sizeof(float));
}
static void w_copy(struct backend *b, const struct writing *a)
{
    b->op->copy(b, a->y.p, a->wide.p, a->n * sizeof(float));
}
static void w_zero(struct backend *b, const struct writing *a)
{
    b->op->zero(b, a->y.p, a->n * sizeof(float));
}
static void w_read(struct backend *b, const struct writing *a)
{
    b->op->weight_read(b, a->square, 0, 1, a->host);
}

static void (*const writers[])(struct backend *, const struct writing *) = {
    w_norm,   w_norm_in_place, w_norm_heads, w_norm_grad, w_gate,    w_gate_grad,
    w_linear, w_linear_grad,   w_dw,         w_gather,    w_scatter, w_add,
    w_embed,  w_rope,          w_upload,     w_copy,      w_zero,    w_read};
enum { N_WRITERS = sizeof writers / sizeof *writers };

/* Two writers, one after another, then a product forward and one backward.
 * shape: the writers, rows, columns, whether shadows are forgotten before each product */
static void written_then_multiplied(struct run *r, const size_t *s)
{
    size_t m = s[2], n = s[3];
    int32_t rising[64];
    for (size_t i = 0; i < m; i++)
        rising[i] = (int32_t)i;
    struct writing a = {.m = m, .n = n, .square = run_weight(r, ELEM_F32, n, n, 1)};
    a.y = random_rows(r, m, n, 1), a.x = random_rows(r, m, n, 1),
    a.wide = random_rows(r, m, 2 * n, 1);
    a.w = run_random(r, n, 1);
    a.ids = run_ints(r, rising, m), a.few = run_ids(r, m, n);
    a.host = xcalloc(n, sizeof *a.host);
    float *dw = run_random(r, n * n, 1), *nothing = run_alloc(r, 64);
    struct rows out = random_rows(r, m, n, 1), dx = random_rows(r, m, n, 1);
    writers[s[0]](r->b, &a);
    writers[s[1]](r->b, &a);
    if (s[4])
        r->b->op->zero(r->b, nothing, 64);
    r->b->op->linear(r->b, &(struct linear){.w = a.square, .m = m, .x = a.y, .y = out});
    emit_rows(r, out, m, n);
    writers[s[1]](r->b, &a);
    w_norm(r->b, &(struct writing){.y = out, .x = a.x, .w = a.w, .m = m, .n = n});
    if (s[4])
        r->b->op->zero(r->b, nothing, 64);
    r->b->op->linear_backward(
        r->b,
        &(struct linear_grad){.w = a.square, .m = m, .x = out, .dy = a.y, .dx = dx, .dw = dw});
    emit_rows(r, dx, m, n);
    run_emit(r, dw, n * n);
    emit_rows(r, a.y, m, n);
    free(a.host);
    r->b->op->weight_free(r->b, a.square);
}

static void no_shadow_is_stale(void)
{
    struct backend *b = open_or_die("cuda", PRECISION_BF16);
    static const size_t columns[] = {24, 14, 20};
    for (size_t i = 0; i < N_WRITERS * N_WRITERS; i++) {
        struct op_case c = {"shadows",
                            written_then_multiplied,
                            {i / N_WRITERS, i % N_WRITERS, 25, columns[i % 3], 0},
                            0};
        struct run with, without;
        run_case(&with, b, &c);
        c.shape[4] = 1;
        run_case(&without, b, &c);
        compare_bits(&c, &with, &without, "with shadows and without");
        free(with.out);
        free(without.out);
    }
    backend_close(b);
}

/* Norms and gates leave theirs, so that products launch nothing else. */
static void shadows_are_used(void)
{
    struct run r = {.b = open_or_die("cuda", PRECISION_BF16)};
    struct writing a = {.m = 5, .n = 24, .square = run_weight(&r, ELEM_F32, 24, 24, 1)};
    a.y = random_rows(&r, 5, 24, 1), a.x = random_rows(&r, 5, 24, 1);
    a.wide = random_rows(&r, 5, 48, 1), a.w = run_random(&r, 24, 1);
    struct rows out = random_rows(&r, 5, 24, 1);
    static void (*const leave[])(struct backend *, const struct writing *) = {
        w_norm, w_gate, w_norm_grad, w_gate_grad};
    for (size_t i = 0; i < sizeof leave / sizeof *leave; i++) {
        leave[i](r.b, &a);
        unsigned long long before = emu_launches();
        r.b->op->linear(r.b, &(struct linear){.w = a.square, .m = 5, .x = a.y, .y = out});
        CHECK_INT(emu_launches() - before, 0);
    }
    r.b->op->weight_free(r.b, a.square);
    for (size_t i = 0; i < r.n_buffers; i++)
        r.b->op->free(r.b, r.buffers[i]);
    backend_close(r.b);
}

/* Much more than is pinned, in pieces whose memory is used again at once. */
static void uploads_keep_what_they_were_given(void)
{
    enum { N = 100 * 1000 / 4, PIECES = 300 };
    struct run r = {.b = open_or_die("cuda", PRECISION_EXACT)};
    int32_t *p = run_alloc(&r, (size_t)N * PIECES * sizeof *p);
    int32_t *host = xcalloc(N, sizeof *host), *seen = xcalloc((size_t)N * PIECES, sizeof *seen);
    for (int32_t i = 0; i < PIECES; i++) {
        for (int32_t k = 0; k < N; k++)
            host[k] = i * N + k;
        r.b->op->upload(r.b, p + (size_t)i * N, host, N * sizeof *host);
    }
    r.b->op->download(r.b, seen, p, (size_t)N * PIECES * sizeof *seen);
    bool same = true;
    for (int32_t i = 0; i < N * PIECES; i++)
        same = same && seen[i] == i;
    CHECK(same);
    free(host);
    free(seen);
    r.b->op->free(r.b, p);
    backend_close(r.b);
}

/* ---- steps ---- */

/* Decode steps, keys growing: what each gave.  shape: sequences, weights, steps */
static void decode_steps(struct run *r, const size_t *s)
{
    static const size_t shape[] = {6, 2, 16, 130, 7, 1};
    struct batch t;
    size_t rows = s[0], kv_width = shape[1] * shape[2], q_width = shape[0] * shape[2];
    size_t weight[4] = {rows, q_width, kv_width, s[1]};
    case_batch(&t, shape);
    struct caches c = open_caches(r, shape, &t);
    struct weight *w = case_weight(r, weight);
    struct rows x = random_rows(r, rows, kv_width, 1), q = random_rows(r, rows, q_width, 1);
    struct rows h = random_rows(r, rows, kv_width, 1);
    const float *ones = run_random(r, kv_width, 1);
    struct attn_seq seqs[32];
    for (size_t step = 0; step < s[2]; step++) {
        for (size_t i = 0; i < rows; i++) {
            seqs[i] = t.seqs[1 + i];
            seqs[i].row = i, seqs[i].n_rows = 1;
            seqs[i].n_keys = step + 1 < seqs[i].n_keys ? step + 1 : seqs[i].n_keys;
        }
        float *host = xcalloc(kv_width, sizeof *host);
        for (size_t i = 0; i < kv_width; i++)
            host[i] = (float)run_uniform(r);
        for (size_t i = 0; i < rows; i++)
            r->b->op->upload(r->b, x.p + i * x.stride, host, kv_width * sizeof *host);
        free(host);
        r->b->op->plan_set(r->b, c.plan, seqs, rows);
        if (r->b->op->step_begin)
            r->b->op->step_begin(r->b);
        for (size_t layer = 0; layer < 2; layer++) {
            w_norm(r->b, &(struct writing){.y = h, .x = x, .w = ones, .m = rows, .n = kv_width});
            r->b->op->linear(r->b, &(struct linear){.w = w, .m = rows, .x = h, .y = q});
            r->b->op->kv_write(r->b, &(struct kv_write){c.kv, layer, c.plan, x, x});
            r->b->op->attention(
                r->b,
                &(struct attention){
                    .kv = c.kv, .layer = layer, .plan = c.plan, .q = q, .out = q, .scale = 0.2f});
        }
        if (r->b->op->step_end)
            r->b->op->step_end(r->b);
        emit_rows(r, q, rows, q_width);
    }
    r->b->op->weight_free(r->b, w);
    close_caches(r, &c);
}

/* A norm that only a product needs, then the same one whose rows are read.  shape: rows, columns, steps of each */
static void fleeting_steps(struct run *r, const size_t *s)
{
    size_t m = s[0], n = s[1], weight[4] = {m, n, n, 0};
    struct weight *w = case_weight(r, weight);
    struct rows x = random_rows(r, m, n, 1), h = random_rows(r, m, n, 1),
                y = random_rows(r, m, n, 1);
    const float *ones = run_random(r, n, 1);
    for (size_t step = 0; step < 2 * s[2]; step++) {
        bool fleeting = step < s[2];
        if (r->b->op->step_begin)
            r->b->op->step_begin(r->b);
        r->b->op->norm(r->b, &(struct norm){.m = m,
                                            .heads = 1,
                                            .c = n,
                                            .x = x,
                                            .y = h,
                                            .w = ones,
                                            .eps = 1e-6f,
                                            .fleeting = fleeting});
        r->b->op->linear(r->b, &(struct linear){.w = w, .m = m, .x = h, .y = y});
        if (r->b->op->step_end)
            r->b->op->step_end(r->b);
        emit_rows(r, fleeting ? y : h, m, n);
    }
    r->b->op->weight_free(r->b, w);
}

/* Runs them on a device of their own; returns the graphs that were launched. */
static unsigned long long steps_on(const char *device, enum precision precision,
                                   const struct op_case *c, struct run *r)
{
    struct backend *b = open_or_die(device, precision);
    unsigned long long before = emu_graphs();
    run_case(r, b, c);
    backend_close(b);
    return emu_graphs() - before;
}

static void steps_of(const struct op_case *c, enum precision precision, unsigned long long least)
{
    struct run plain, graphs;
    CHECK(steps_on("cuda", precision, c, &graphs) >= least);
    for (int at = 1; at <= 3; at++) { /* wherever they are refused */
        emu_refuse_graphs(at);
        CHECK_INT(steps_on("cuda", precision, c, &plain), 0);
        compare_bits(c, &graphs, &plain, "graphs and plain launches");
        free(plain.out);
    }
    emu_refuse_graphs(4);
    CHECK(steps_on("cuda", precision, c, &plain) >= least);
    compare_bits(c, &graphs, &plain, "graphs with and without kernels that begin early");
    free(plain.out);
    emu_refuse_graphs(0);
    if (precision == PRECISION_EXACT) {
        steps_on("cpu", precision, c, &plain);
        compare_bits(c, &graphs, &plain, "graphs and the CPU");
        free(plain.out);
    }
    free(graphs.out);
}

static void repeated_steps_are_graphs(void)
{
    static const struct op_case few = {"steps", decode_steps, {6, 0, 12}, 0};
    static const struct op_case views = {"steps", decode_steps, {3, 2, 9}, 0};
    static const struct op_case rows = {"fleeting rows", fleeting_steps, {5, 40, 5}, 0};
    steps_of(&rows, PRECISION_BF16, 6);
    steps_of(&few, PRECISION_EXACT, 10);
    steps_of(&few, PRECISION_BF16, 10);
    steps_of(&views, PRECISION_F32, 7);
}

static void heads_too_large_for_the_device(void)
{
    struct err e = ERR_NONE;
    emu_shared_most(100 << 10); /* as on sm_86 and sm_89 */
    struct backend *b = backend_open(&(struct backend_options){.device = "cuda"}, &e);
    struct op_limits l = {.rows = 4, .width = 512, .n_heads = 2, .n_kv_heads = 1, .head_dim = 128};
    CHECK(b && b->op->reserve(b, &l, &e));
    l.train = true;
    CHECK(!b->op->reserve(b, &l, &e));
    CHECK_INT(e.status, ERR_DEVICE);
    CHECK(strstr(e.text, "heads of 128 (113 KiB are needed, 100 can be had)"));
    backend_close(b);
    emu_shared_most(160 << 10);
}

static void nothing_without_a_device(void)
{
    struct err e = ERR_NONE;
    emu_hide_devices(true);
    CHECK(!backend_is_gpu("auto") && backend_is_gpu("cuda"));
    struct backend *b = backend_open(&(struct backend_options){.device = "auto"}, &e);
    CHECK(b && strncmp(b->name, "cpu ", 4) == 0);
    backend_close(b);
    CHECK(!backend_open(&(struct backend_options){.device = "cuda"}, &e));
    CHECK_INT(e.status, ERR_DEVICE);
    emu_hide_devices(false);
}
#endif

int main(void)
{
    static const struct test tests[] = {
        {"exact: the CPU's bits, forward and backward", exact_is_the_cpu},
        {"exact: draws are those of the CPU", draws_are_those_of_the_cpu},
        {"exact: the order of threads cannot be seen", order_of_threads},
        {"bf16 is near ref", bf16_is_near_ref},
        {"bf16: the order of threads cannot be seen", order_of_threads_bf16},
        {"tf32 is near ref", tf32_is_near_ref},
        {"f32 is near ref", f32_is_near_ref},
#ifndef GCPO_REAL_GPU
        {"products that the library refuses go through chains", shapes_that_the_library_refuses},
        {"odd widths suit the library", odd_widths_suit_the_library},
        {"shadows are used", shadows_are_used},
        {"no shadow is stale", no_shadow_is_stale},
        {"uploads keep what they were given", uploads_keep_what_they_were_given},
        {"repeated steps are graphs, with the same bits", repeated_steps_are_graphs},
        {"a block's memory is too small for the heads", heads_too_large_for_the_device},
        {"without a GPU auto is the CPU, and cuda is refused", nothing_without_a_device},
#endif
    };
    return TAP_RUN(tests);
}
