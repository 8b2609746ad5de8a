/* test_ops_equal.c - every operator: cpu against ref within its bound, and the
 * same bits from every instruction set and any number of threads. */
#include "../tap.h"
#include "ops_table.h"

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

static void print_shape(const struct op_case *c)
{
    printf("# %s (%zu, %zu, %zu, %zu, %zu, %zu): ", c->name, c->shape[0], c->shape[1], c->shape[2],
           c->shape[3], c->shape[4], c->shape[5]);
}

/* With bf16 the gradient of the head is rounded after it was computed, and the two
 * devices may round to neighbours. */
static void near_ref(enum precision precision, double least)
{
    struct backend *ref = run_open("ref", NULL, 1, precision);
    struct backend *cpu =
        run_open("cpu", precision == PRECISION_EXACT ? NULL : "avx512", 2, precision);
    if (!cpu)
        cpu = run_open("cpu", "portable", 2, precision);
    ASSERT(ref && cpu);
    for (size_t i = 0; i < N_OP_CASES; i++) {
        struct run a, b;
        run_case(&a, cpu, &op_cases[i]);
        run_case(&b, ref, &op_cases[i]);
        CHECK(a.n_out == b.n_out);
        double d = distance(&a, &b);
        if (!(d <= fmax(op_cases[i].bound, least))) {
            print_shape(&op_cases[i]);
            printf("distance %g, bound %g\n", d, op_cases[i].bound);
            CHECK(!"near");
        }
        free(a.out);
        free(b.out);
    }
    backend_close(ref);
    backend_close(cpu);
}

static void cpu_is_near_ref(void)
{
    near_ref(PRECISION_EXACT, 0);
}

static void bf16_is_near_ref(void)
{
    near_ref(PRECISION_BF16, 1e-4);
}

static void same_bits(const struct op_case *c, const struct run *x, const struct run *y)
{
    size_t first = 0;
    while (first < x->n_out && memcmp(&x->out[first], &y->out[first], sizeof(float)) == 0)
        first++;
    if (first == x->n_out && x->n_out == y->n_out)
        return;
    print_shape(c);
    printf("%s and %s differ at %zu of %zu: %a, %a\n", x->b->name, y->b->name, first, x->n_out,
           (double)x->out[first], (double)y->out[first]);
    CHECK(!"the same bits");
}

/* Every case on all of the backends; NULL ones are left out, the first is there. */
static void all_same_bits(struct backend **b, size_t n)
{
    for (size_t i = 0; i < N_OP_CASES; i++) {
        struct run first, other;
        run_case(&first, b[0], &op_cases[i]);
        for (size_t j = 1; j < n; j++) {
            if (!b[j])
                continue;
            run_case(&other, b[j], &op_cases[i]);
            same_bits(&op_cases[i], &first, &other);
            free(other.out);
        }
        free(first.out);
    }
    for (size_t j = 0; j < n; j++)
        backend_close(b[j]);
}

static void sets_agree(enum precision precision)
{
    static const char *const isas[] = {"portable", "avx2", "avx512", "avx512bf16"};
    struct backend *b[4];
    for (size_t i = 0; i < 4; i++)
        b[i] = run_open("cpu", isas[i], 1, precision);
    if (!b[1] && !b[2])
        SKIP("this CPU has neither avx2 nor avx512");
    all_same_bits(b, 4);
}

static void instruction_sets_agree(void)
{
    sets_agree(PRECISION_EXACT);
}

static void bf16_sets_agree(void)
{
    sets_agree(PRECISION_BF16);
}

static void threads_do_not_matter(void)
{
    static const size_t threads[] = {1, 2, 3, 7};
    struct backend *b[4];
    for (size_t i = 0; i < 4; i++)
        b[i] = run_open("cpu", NULL, threads[i], PRECISION_EXACT);
    all_same_bits(b, 4);
}

static void unknown_sets_are_refused(void)
{
    struct err e = ERR_NONE;
    CHECK(!backend_open(&(struct backend_options){.device = "cpu", .isa = "mmx"}, &e));
    CHECK_INT(e.status, ERR_USAGE);
    e = (struct err)ERR_NONE;
    CHECK(!backend_open(&(struct backend_options){.device = "abacus"}, &e));
    CHECK_INT(e.status, ERR_USAGE);
}

int main(void)
{
    static const struct test tests[] = {
        {"cpu is near ref", cpu_is_near_ref},
        {"cpu is near ref, bf16", bf16_is_near_ref},
        {"instruction sets agree to the bit", instruction_sets_agree},
        {"emulated and real dot products of bf16 agree to the bit", bf16_sets_agree},
        {"threads do not matter", threads_do_not_matter},
        {"unknown devices and instruction sets are refused", unknown_sets_are_refused},
    };
    return TAP_RUN(tests);
}
