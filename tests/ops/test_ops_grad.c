/* test_ops_grad.c - every backward operator against central differences of its
 * forward operator, on cpu and ref.
 *
 * The loss is the sum of outputs times fixed random numbers, in double.  Steps
 * are large, since outputs are f32, and inputs mild, so that the third
 * derivative stays small. */
#include "../tap.h"
#include "ops_table.h"

enum { INPUTS = 4, PROBES = 12 };

/* Inputs x[i] of n[i] elements, and where the gradient of each goes. */
struct problem {
    struct run r;
    const size_t *shape;
    float *x[INPUTS], *dx[INPUTS];
    size_t n[INPUTS], n_inputs;
    float *out, *dout; /* n_out values */
    size_t n_out;
    struct weight *w;
    struct batch batch;
    struct caches caches;
    float *lse;
    struct head_target targets[8];
    struct head_row rows[8];
    double dlogp[8], dentropy[8];
};

struct grad_case {
    const char *name;
    void (*open)(struct problem *p);
    double (*forward)(struct problem *p); /* loss */
    void (*backward)(struct problem *p);  /* after forward() */
    size_t shape[SHAPE];
};

static void input(struct problem *p, size_t n, double scale)
{
    p->x[p->n_inputs] = run_random(&p->r, n, scale);
    p->dx[p->n_inputs] = run_random(&p->r, n, 0);
    p->n[p->n_inputs++] = n;
}

static void outputs(struct problem *p, size_t n)
{
    p->out = run_random(&p->r, n, 0);
    p->dout = run_random(&p->r, n, 1);
    p->n_out = n;
}

static double loss_of_outputs(const struct problem *p)
{
    double s = 0;
    for (size_t i = 0; i < p->n_out; i++)
        s += (double)p->out[i] * (double)p->dout[i];
    return s;
}

static struct rows dense(float *p, size_t width)
{
    return (struct rows){p, width};
}

/* linear: m, n, k; inputs x, w, bias */
static void open_linear(struct problem *p)
{
    const size_t *s = p->shape;
    input(p, s[0] * s[2], 1);
    input(p, s[1] * s[2], 1);
    input(p, s[1], 1);
    outputs(p, s[0] * s[1]);
    p->w = p->r.b->op->weight_view(p->r.b, p->x[1], s[1], s[2]);
}

static double forward_linear(struct problem *p)
{
    const size_t *s = p->shape;
    p->r.b->op->linear(p->r.b, &(struct linear){.w = p->w,
                                                .m = s[0],
                                                .x = dense(p->x[0], s[2]),
                                                .y = dense(p->out, s[1]),
                                                .bias = p->x[2]});
    return loss_of_outputs(p);
}

static void backward_linear(struct problem *p)
{
    const size_t *s = p->shape;
    p->r.b->op->linear_backward(p->r.b, &(struct linear_grad){.w = p->w,
                                                              .m = s[0],
                                                              .x = dense(p->x[0], s[2]),
                                                              .dy = dense(p->dout, s[1]),
                                                              .dx = dense(p->dx[0], s[2]),
                                                              .dw = p->dx[1],
                                                              .db = p->dx[2]});
}

/* norm: m, heads, c; inputs x, w */
static void open_norm(struct problem *p)
{
    const size_t *s = p->shape;
    input(p, s[0] * s[1] * s[2], 1);
    input(p, s[2], 1);
    outputs(p, s[0] * s[1] * s[2]);
}

static double forward_norm(struct problem *p)
{
    const size_t *s = p->shape;
    size_t width = s[1] * s[2];
    p->r.b->op->norm(p->r.b, &(struct norm){.m = s[0],
                                            .heads = s[1],
                                            .c = s[2],
                                            .x = dense(p->x[0], width),
                                            .y = dense(p->out, width),
                                            .w = p->x[1],
                                            .eps = 1e-3f});
    return loss_of_outputs(p);
}

static void backward_norm(struct problem *p)
{
    const size_t *s = p->shape;
    size_t width = s[1] * s[2];
    p->r.b->op->norm_backward(p->r.b, &(struct norm_grad){.m = s[0],
                                                          .heads = s[1],
                                                          .c = s[2],
                                                          .x = dense(p->x[0], width),
                                                          .dy = dense(p->dout, width),
                                                          .dx = dense(p->dx[0], width),
                                                          .w = p->x[1],
                                                          .dw = p->dx[1],
                                                          .eps = 1e-3f});
}

/* swiglu: m, f */
static void open_swiglu(struct problem *p)
{
    const size_t *s = p->shape;
    input(p, s[0] * 2 * s[1], 2);
    outputs(p, s[0] * s[1]);
}

static double forward_swiglu(struct problem *p)
{
    const size_t *s = p->shape;
    p->r.b->op->swiglu(p->r.b, &(struct swiglu){.m = s[0],
                                                .f = s[1],
                                                .gu = dense(p->x[0], 2 * s[1]),
                                                .y = dense(p->out, s[1])});
    return loss_of_outputs(p);
}

static void backward_swiglu(struct problem *p)
{
    const size_t *s = p->shape;
    p->r.b->op->swiglu_backward(p->r.b, &(struct swiglu_grad){.m = s[0],
                                                              .f = s[1],
                                                              .gu = dense(p->x[0], 2 * s[1]),
                                                              .dy = dense(p->dout, s[1]),
                                                              .dgu = dense(p->dx[0], 2 * s[1])});
}

/* rope: m, heads, d; the table is a rotation, so that the inverse is the gradient */
static void open_rope(struct problem *p)
{
    const size_t *s = p->shape;
    input(p, s[0] * s[1] * s[2], 1);
    outputs(p, s[0] * s[1] * s[2]);
    p->lse = run_random(&p->r, s[0] * s[2], 1);
}

static void rotate(struct problem *p, float *x, bool inverse)
{
    const size_t *s = p->shape;
    float *cos = p->lse, *sin = p->lse + s[0] * s[2] / 2;
    int32_t *pos = xcalloc(s[0], sizeof *pos);
    for (size_t i = 0; i < s[0]; i++)
        pos[i] = (int32_t)(s[0] - 1 - i);
    p->r.b->op->rope(p->r.b, &(struct rope_args){.m = s[0],
                                                 .heads = s[1],
                                                 .d = s[2],
                                                 .rot = s[2],
                                                 .x = dense(x, s[1] * s[2]),
                                                 .pos = pos,
                                                 .cos = cos,
                                                 .sin = sin,
                                                 .inverse = inverse});
    free(pos);
}

static double forward_rope(struct problem *p)
{
    memcpy(p->out, p->x[0], p->n[0] * sizeof(float));
    rotate(p, p->out, false);
    return loss_of_outputs(p);
}

static void backward_rope(struct problem *p)
{
    memcpy(p->dx[0], p->dout, p->n[0] * sizeof(float));
    rotate(p, p->dx[0], true);
}

/* embed: v, c, m; input: the table */
static void open_embed(struct problem *p)
{
    const size_t *s = p->shape;
    input(p, s[0] * s[1], 1);
    outputs(p, s[2] * s[1]);
    p->w = p->r.b->op->weight_view(p->r.b, p->x[0], s[0], s[1]);
}

static const int32_t some_ids[] = {2, 0, 2, 3, 2};

static double forward_embed(struct problem *p)
{
    p->r.b->op->embed(p->r.b, p->w, some_ids, p->shape[2], dense(p->out, p->shape[1]));
    return loss_of_outputs(p);
}

static void backward_embed(struct problem *p)
{
    p->r.b->op->embed_backward(p->r.b, p->dx[0], p->shape[1], some_ids, p->shape[2],
                               dense(p->dout, p->shape[1]));
}

/* attention: as case_batch; inputs q, k, v */
static void open_attention(struct problem *p)
{
    const size_t *s = p->shape;
    case_batch(&p->batch, s);
    size_t m = p->batch.n_rows;
    input(p, m * s[0] * s[2], 1);
    input(p, m * s[1] * s[2], 1);
    input(p, m * s[1] * s[2], 1);
    outputs(p, m * s[0] * s[2]);
    p->caches = open_caches(&p->r, s, &p->batch);
    p->lse = run_random(&p->r, m * s[0], 0);
    p->r.b->op->plan_set(p->r.b, p->caches.plan, p->batch.seqs, p->batch.n_seqs);
}

static double forward_attention(struct problem *p)
{
    const size_t *s = p->shape;
    size_t q_width = s[0] * s[2], kv_width = s[1] * s[2];
    p->r.b->op->kv_write(p->r.b, &(struct kv_write){.kv = p->caches.kv,
                                                    .plan = p->caches.plan,
                                                    .k = dense(p->x[1], kv_width),
                                                    .v = dense(p->x[2], kv_width)});
    p->r.b->op->attention(p->r.b, &(struct attention){.kv = p->caches.kv,
                                                      .plan = p->caches.plan,
                                                      .q = dense(p->x[0], q_width),
                                                      .out = dense(p->out, q_width),
                                                      .lse = p->lse,
                                                      .scale = 0.5f});
    return loss_of_outputs(p);
}

static void backward_attention(struct problem *p)
{
    const size_t *s = p->shape;
    size_t q_width = s[0] * s[2], kv_width = s[1] * s[2];
    p->r.b->op->attention_backward(p->r.b, &(struct attention_grad){.kv = p->caches.kv,
                                                                    .plan = p->caches.plan,
                                                                    .q = dense(p->x[0], q_width),
                                                                    .out = dense(p->out, q_width),
                                                                    .dout = dense(p->dout, q_width),
                                                                    .lse = p->lse,
                                                                    .dq = dense(p->dx[0], q_width),
                                                                    .dk = dense(p->dx[1], kv_width),
                                                                    .dv = dense(p->dx[2], kv_width),
                                                                    .scale = 0.5f});
}

/* head: m, v, k; inputs x, w */
static void open_head(struct problem *p)
{
    const size_t *s = p->shape;
    input(p, s[0] * s[2], 1);
    input(p, s[1] * s[2], 1);
    p->w = p->r.b->op->weight_view(p->r.b, p->x[1], s[1], s[2]);
    for (int i = 0; i < 5; i++) {
        p->targets[i] = (struct head_target){i / 2, (int32_t)((size_t)(i * 7) % s[1])};
        p->dlogp[i] = run_uniform(&p->r);
        p->dentropy[i] = run_uniform(&p->r);
    }
}

static double forward_head(struct problem *p)
{
    const size_t *s = p->shape;
    float logp[5];
    p->r.b->op->head(p->r.b, &(struct head){.w = p->w,
                                            .m = s[0],
                                            .x = dense(p->x[0], s[2]),
                                            .targets = p->targets,
                                            .n_targets = 5,
                                            .logp = logp,
                                            .rows = p->rows,
                                            .entropy = true});
    double loss = 0;
    for (int i = 0; i < 5; i++)
        loss += p->dlogp[i] * (double)logp[i] + p->dentropy[i] * p->rows[p->targets[i].row].entropy;
    return loss;
}

static void backward_head(struct problem *p)
{
    const size_t *s = p->shape;
    p->r.b->op->head_backward(p->r.b, &(struct head_grad){.w = p->w,
                                                          .m = s[0],
                                                          .x = dense(p->x[0], s[2]),
                                                          .targets = p->targets,
                                                          .n_targets = 5,
                                                          .rows = p->rows,
                                                          .dlogp = p->dlogp,
                                                          .dentropy = p->dentropy,
                                                          .dx = dense(p->dx[0], s[2]),
                                                          .dw = p->dx[1]});
}

static const struct grad_case grad_cases[] = {
    {"linear", open_linear, forward_linear, backward_linear, {5, 20, 18}},
    {"norm", open_norm, forward_norm, backward_norm, {4, 1, 21}},
    {"norm of heads", open_norm, forward_norm, backward_norm, {3, 3, 8}},
    {"swiglu", open_swiglu, forward_swiglu, backward_swiglu, {3, 19}},
    {"rope", open_rope, forward_rope, backward_rope, {4, 2, 10}},
    {"embed", open_embed, forward_embed, backward_embed, {4, 6, 5}},
    {"attention", open_attention, forward_attention, backward_attention, {2, 1, 8, 5, 3, 0}},
    {"attention", open_attention, forward_attention, backward_attention, {4, 2, 20, 66, 2, 0}},
    {"head", open_head, forward_head, backward_head, {3, 30, 6}},
    {"head", open_head, forward_head, backward_head, {3, 600, 6}},
};

/* The derivative by x: fourth order central difference. */
static double difference(struct problem *p, const struct grad_case *c, float *x)
{
    const float h = 0.0625f, was = *x;
    double d = 0;
    static const struct {
        float step;
        double weight;
    } points[] = {{-2, 1 / 12.0}, {-1, -8 / 12.0}, {1, 8 / 12.0}, {2, -1 / 12.0}};
    for (size_t i = 0; i < 4; i++) {
        *x = was + points[i].step * h;
        d += points[i].weight * c->forward(p);
    }
    *x = was;
    return d / (double)h;
}

static void check_case(const char *device, const struct grad_case *c)
{
    struct problem p = {.r = {.b = run_open(device, NULL, 2, PRECISION_EXACT), .seed = 99},
                        .shape = c->shape};
    c->open(&p);
    c->forward(&p);
    c->backward(&p);
    for (size_t i = 0; i < p.n_inputs; i++)
        for (size_t probe = 0; probe < PROBES; probe++) {
            size_t at = (size_t)((run_uniform(&p.r) + 1) / 2 * (double)p.n[i]);
            double want = difference(&p, c, &p.x[i][at]), seen = (double)p.dx[i][at];
            if (!(fabs(seen - want) <= 2e-4 + 2e-3 * fabs(want))) {
                printf("# %s %s: input %zu, element %zu: %g, difference %g\n", device, c->name, i,
                       at, seen, want);
                CHECK(!"the gradient");
            }
        }
    struct backend *b = p.r.b;
    for (size_t i = 0; i < p.r.n_buffers; i++)
        b->op->free(b, p.r.buffers[i]);
    b->op->weight_free(b, p.w);
    if (p.caches.kv)
        close_caches(&p.r, &p.caches);
    backend_close(b);
}

static void cpu_gradients(void)
{
    for (size_t i = 0; i < sizeof grad_cases / sizeof *grad_cases; i++)
        check_case("cpu", &grad_cases[i]);
}

static void ref_gradients(void)
{
    for (size_t i = 0; i < sizeof grad_cases / sizeof *grad_cases; i++)
        check_case("ref", &grad_cases[i]);
}

int main(void)
{
    static const struct test tests[] = {
        {"gradients of cpu are those of differences", cpu_gradients},
        {"gradients of ref are those of differences", ref_gradients},
    };
    return TAP_RUN(tests);
}
