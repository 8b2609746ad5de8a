/* weight.c - matrices packed into panels, and views of rows. */
#include "base/mem.h"
#include "compute/cpu/cpu.h"
#include "compute/elem.h"

#include <stdlib.h>
#include <string.h>

static enum panels kind_of(struct backend *b, enum elem type)
{
    if (b->precision == PRECISION_BF16)
        return PANELS_PAIRS;
    return type == ELEM_BF16 ? PANELS_BF16 : PANELS_F32;
}

/* Elements of one panel. */
static size_t panel_elements(enum panels kind, size_t k)
{
    return (kind == PANELS_PAIRS ? (k + 1) / 2 : k) * PANEL;
}

static size_t element_bytes(enum panels kind)
{
    return kind == PANELS_BF16 ? sizeof(uint16_t) : sizeof(float);
}

size_t cpu_weight_bytes(struct backend *b, enum elem type, size_t n, size_t k)
{
    enum panels kind = kind_of(b, type);
    return up(n, PANEL) / PANEL * panel_elements(kind, k) * element_bytes(kind);
}

struct weight *cpu_weight_view(struct backend *b, const float *rows, size_t n, size_t k)
{
    struct weight *w = xcalloc(1, sizeof *w);
    *w = (struct weight){.kind = kind_of(b, ELEM_F32), .n = n, .k = k, .view = rows};
    return w;
}

struct weight *cpu_weight_new(struct backend *b, enum elem type, size_t n, size_t k, struct err *e)
{
    void *panels = host_alloc(b, cpu_weight_bytes(b, type, n, k), e);
    if (!panels)
        return NULL;
    struct weight *w = cpu_weight_view(b, NULL, n, k);
    w->kind = kind_of(b, type);
    w->panels = panels;
    return w;
}

void cpu_weight_free(struct backend *b, struct weight *w)
{
    if (!w)
        return;
    host_free(b, w->panels);
    free(w);
}

const void *weight_panels(const struct weight *w, size_t row, size_t *panel)
{
    *panel = panel_elements(w->kind, w->k);
    return (const char *)w->panels + row / PANEL * *panel * element_bytes(w->kind);
}

/* Element (n, k) of panels of f32 or bf16; its half of panels of pairs. */
static size_t place(const struct weight *w, size_t n, size_t k)
{
    size_t at = n / PANEL * panel_elements(w->kind, w->k);
    switch (w->kind) {
    case PANELS_BF16: return at + k * PANEL + panel_place(n % PANEL);
    case PANELS_PAIRS: return 2 * (at + k / 2 * PANEL + n % PANEL) + k % 2;
    default: return at + k * PANEL + n % PANEL;
    }
}

struct loading {
    struct cpu *c;
    struct weight *w;
    const float *host;
    size_t row, n_rows;
};

/* All sixteen rows of a panel. */
static void load_whole(const struct loading *l, size_t panel)
{
    enum { STEP = 8 * PANEL };
    const struct weight *w = l->w;
    float square[STEP * PANEL];
    const float *rows = l->host + (panel * PANEL - l->row) * w->k;
    float *to = (float *)w->panels + panel * panel_elements(w->kind, w->k);
    if (w->kind == PANELS_F32)
        l->c->k->pack_rows(to, rows, w->k, PANEL, w->k);
    else if (w->kind == PANELS_PAIRS)
        l->c->k->pack_pair_rows(to, rows, w->k, PANEL, w->k);
    for (size_t k = 0; w->kind == PANELS_BF16 && k < w->k; k += STEP) {
        size_t n = w->k - k < STEP ? w->k - k : STEP;
        l->c->k->pack_rows(square, rows + k, w->k, PANEL, n);
        l->c->k->round_panel((uint16_t *)w->panels + place(w, panel * PANEL, k), square, n);
    }
}

/* Panels [first, end), counted from the one that holds l->row. */
static void load_panels(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct loading *l = arg;
    const struct weight *w = l->w;
    for (size_t p = first; p < end; p++) {
        size_t panel = l->row / PANEL + p, begin = panel * PANEL, past = l->row + l->n_rows;
        if (begin >= l->row && begin + PANEL <= past) {
            load_whole(l, panel);
            continue;
        }
        size_t from = begin > l->row ? begin : l->row;
        size_t to = begin + PANEL < past ? begin + PANEL : past;
        for (size_t k = 0; k < w->k; k++)
            for (size_t n = from; n < to; n++) {
                float v = l->host[(n - l->row) * w->k + k];
                if (w->kind == PANELS_F32)
                    ((float *)w->panels)[place(w, n, k)] = v;
                else
                    ((uint16_t *)w->panels)[place(w, n, k)] = to_bf16(v);
            }
    }
}

void cpu_weight_load(struct backend *b, struct weight *w, size_t row, size_t n_rows,
                     const float *host)
{
    ASSERT(w->panels && row <= w->n && n_rows <= w->n - row);
    if (n_rows == 0)
        return;
    struct loading l = {cpu_of(b), w, host, row, n_rows};
    cpu_each(l.c, (row + n_rows - 1) / PANEL - row / PANEL + 1, 1, load_panels, &l);
}

void cpu_weight_refresh(struct backend *b, struct weight *w, const float *masters)
{
    if (w->panels)
        cpu_weight_load(b, w, 0, w->n, masters);
}

static float value(const struct weight *w, size_t n, size_t k)
{
    if (w->view)
        return w->kind == PANELS_PAIRS ? round_bf16(w->view[n * w->k + k]) : w->view[n * w->k + k];
    if (w->kind == PANELS_F32)
        return ((const float *)w->panels)[place(w, n, k)];
    return from_bf16(((const uint16_t *)w->panels)[place(w, n, k)]);
}

void weight_row(const struct weight *w, size_t row, float *to)
{
    if (w->view && w->kind == PANELS_F32) {
        memcpy(to, w->view + row * w->k, w->k * sizeof *to);
    } else if (!w->view && w->kind == PANELS_BF16) {
        const uint16_t *from = (const uint16_t *)w->panels + place(w, row, 0);
        for (size_t k = 0; k < w->k; k++)
            to[k] = from_bf16(from[k * PANEL]);
    } else {
        for (size_t k = 0; k < w->k; k++)
            to[k] = value(w, row, k);
    }
}

void cpu_weight_read(struct backend *b, const struct weight *w, size_t row, size_t n_rows,
                     float *host)
{
    (void)b;
    ASSERT(row <= w->n && n_rows <= w->n - row);
    for (size_t n = 0; n < n_rows; n++)
        weight_row(w, row + n, host + n * w->k);
}

/* Outputs j .. j + 15 of inputs `first` .. `first` + 15, [16 inputs][16 outputs]. */
static const float *square_of(struct cpu *c, const struct weight *w, size_t j, size_t first,
                              size_t n, float *memory)
{
    if (w->kind == PANELS_F32)
        return (const float *)w->panels + place(w, j, first);
    if (w->kind == PANELS_BF16)
        c->k->widen_panel(memory, (const uint16_t *)w->panels + place(w, j, first), n);
    for (size_t k = 0; w->kind == PANELS_PAIRS && k < n; k++)
        for (size_t i = 0; i < PANEL; i++)
            memory[k * PANEL + i] =
                from_bf16(((const uint16_t *)w->panels)[place(w, j + i, first + k)]);
    return memory;
}

void weight_pack_transposed(struct cpu *c, const struct weight *w, size_t panel, size_t j0,
                            size_t k, float *to)
{
    size_t first = panel * PANEL, n = w->k - first < PANEL ? w->k - first : PANEL;
    bool pairs = w->kind == PANELS_PAIRS;
    if (w->view) {
        (pairs ? c->k->pack_pair_columns
               : c->k->pack_columns)(to, PANEL, w->view + j0 * w->k + first, w->k, n, k);
        return;
    }
    ASSERT(j0 % PANEL == 0);
    for (size_t j = 0; j < k; j += PANEL) {
        float square[PANEL * PANEL], turned[PANEL * PANEL];
        size_t rows = k - j < PANEL ? k - j : PANEL;
        c->k->pack_rows(turned, square_of(c, w, j0 + j, first, n, square), PANEL, n, PANEL);
        if (pairs)
            c->k->pack_pair_columns(to + j / 2 * PANEL, PANEL, turned, PANEL, PANEL, rows);
        else
            memcpy(to + j * PANEL, turned, rows * PANEL * sizeof *to);
    }
}
