/* test_alloc.c - no step of training allocates memory once the first is over.
 *
 * The allocator's functions are taken over here and counted; a sanitizer has its own. */
#include "../tap.h"
#include "engine/engine.h"
#include "small_model.h"

#include <stdatomic.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static atomic_size_t allocations;

void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    allocations++;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    allocations++;
    return __libc_realloc(p, n);
}

enum { COUNTED = 1 };
#else
static size_t allocations;
enum { COUNTED = 0 };
#endif

enum { GROUPS = 3, ROWS = 4 };

struct step {
    struct engine_group groups[GROUPS];
    struct engine_row rows[GROUPS][ROWS];
    float values[GROUPS][ROWS][32];
};

/* Steps differ in lengths, later ones are longer. */
static void step_init(struct step *s, struct arena *a, size_t number)
{
    for (size_t i = 0; i < GROUPS; i++) {
        s->groups[i] =
            (struct engine_group){small_tokens(a, 7 + i, 5 + 30 * i), 5 + 30 * i, s->rows[i], ROWS};
        for (size_t k = 0; k < ROWS; k++) {
            size_t n = 2 + 3 * k + 4 * number;
            s->rows[i][k] =
                (struct engine_row){small_tokens(a, 70 + 10 * i + k, n), n, s->values[i][k], NULL};
        }
    }
}

static bool loss(void *arg, size_t group, size_t row, const float *logp, const float *entropy,
                 double *dlogp, double *dentropy, struct err *e)
{
    const struct step *s = arg;
    (void)logp, (void)entropy, (void)dentropy, (void)e;
    for (size_t t = 0; t < s->groups[group].rows[row].n; t++)
        dlogp[t] = row % 2 ? 0.1 : -0.1;
    return true;
}

static void steps_allocate_nothing(void)
{
    char *dir = small_make(small_qwen3, DTYPE_BF16, 31);
    struct trainer_options o = {.engine = {.device = small_device(), .threads = 2},
                                .micro_tokens = 100,
                                .beta1 = 0.9,
                                .beta2 = 0.95,
                                .eps = 1e-8,
                                .max_grad_norm = 1};
    enum { STEPS = 4 };
    struct step s[STEPS];
    struct arena a = {0};
    struct err e = ERR_NONE;
    for (size_t i = 0; i < STEPS; i++)
        step_init(&s[i], &a, i);
    struct trainer *t = trainer_open(dir, &o, &e);
    CHECK(t && trainer_prepare(t, s[STEPS - 1].groups, GROUPS, NULL, &e));
    for (size_t i = 0; i < STEPS; i++) {
        struct trainer_step step;
        size_t before = allocations;
        CHECK(trainer_score(t, s[i].groups, GROUPS, &e));
        CHECK(trainer_backward(t, s[i].groups, GROUPS, false, loss, &s[i], &e));
        CHECK(trainer_step(t, 1e-3, &step, &e) && step.stepped);
        CHECK(!COUNTED || (i == 0) == (allocations > before));
    }
    trainer_close(t);
    arena_free(&a);
    small_remove(dir);
}

int main(void)
{
    static const struct test t[] = {
        {"no step allocates after the first", steps_allocate_nothing},
    };
    return TAP_RUN(t);
}
