/* shadow.cu - activations rounded to bf16.
 *
 * A shadow is what cuda_round_rows() makes of rows, and is there from when it is written until
 * anything may have overwritten the rows: every operator forgets all shadows, but for those that
 * say themselves what they overwrite (products, norms, the gate). */
#include "compute/cuda/cuda.cuh"

/* Elements of one; the next begins at 256 bytes. */
static size_t room_of(size_t m, size_t n)
{
    return up(m * shadow_row(n), 128);
}

static size_t shadow_room(const struct op_limits *l)
{
    size_t widest = l->width > l->hidden ? l->width : l->hidden;
    size_t rows = l->rows > l->head_rows ? l->rows : l->head_rows;
    return (l->train ? 2 : 1) * room_of(rows, widest);
}

size_t shadow_bytes(const struct cuda *c, const struct op_limits *l)
{
    if (c->b.precision != PRECISION_BF16)
        return 0;
    struct op_limits head = head_limits(l);
    size_t n = shadow_room(l), of_head = shadow_room(&head);
    return (n > of_head ? n : of_head) * sizeof(uint16_t);
}

void cuda_forget_shadows(struct cuda *c)
{
    for (struct shadow &s : c->shadows.s)
        s.of.p = NULL;
}

/* Behind the last of rows; what lies between rows counts as theirs. */
static const float *end_of(struct rows r, size_t m, size_t n)
{
    return r.p + (m - 1) * r.stride + n;
}

void cuda_overwritten(struct cuda *c, struct rows y, size_t m, size_t n)
{
    if (!y.p || !m || !n)
        return;
    for (struct shadow &s : c->shadows.s)
        if (s.of.p && s.of.p < end_of(y, m, n) && y.p < end_of(s.of, s.m, s.n))
            s.of.p = NULL;
}

/* In an empty place, else that of the one that was not used last, and of both if there is no room
 * for two. */
static struct shadow *new_shadow(struct shadows *all, struct rows x, size_t m, size_t n)
{
    size_t room = room_of(m, n);
    if (room > all->room)
        return NULL;
    if (all->s[all->last].of.p || !all->s[all->last ^ 1].of.p)
        all->last ^= 1;
    struct shadow *other = &all->s[all->last ^ 1];
    if (other->room + room > all->room)
        other->of.p = NULL, other->room = 0;
    struct shadow *s = &all->s[all->last];
    *s = {x, m, n, all->last ? all->memory + all->room - room : all->memory, room};
    SCRATCH_TAKEN(s->to, room * sizeof(uint16_t));
    return s;
}

uint16_t *cuda_shadow(struct cuda *c, struct rows y, size_t m, size_t n)
{
    cuda_overwritten(c, y, m, n);
    if (c->b.precision != PRECISION_BF16 || !m || !n)
        return NULL;
    struct shadow *s = new_shadow(&c->shadows, y, m, n);
    return s ? s->to : NULL;
}

const uint16_t *cuda_rounded(struct cuda *c, struct rows x, size_t m, size_t n)
{
    for (int i = 0; i < SHADOWS; i++) {
        const struct shadow *s = &c->shadows.s[i];
        if (s->of.p == x.p && s->of.stride == x.stride && s->m == m && s->n == n) {
            c->shadows.last = i;
            return s->to;
        }
    }
    struct shadow *s = new_shadow(&c->shadows, x, m, n);
    ASSERT(s);
    cuda_round_rows(c, s->to, shadow_row(n), x, m, n);
    return s->to;
}
