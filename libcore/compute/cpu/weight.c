/* weight.c - matrices packed into panels, and views of rows. */
#include "base/mem.h"
#include "compute/cpu/cpu.h"
#include "compute/elem.h"

#include <stdlib.h>
#include <string.h>

size_t cpu_weight_bytes(struct backend *b, enum elem type, size_t n, size_t k)
{
    (void)b;
    return up(n, PANEL) * k * (type == ELEM_BF16 ? sizeof(uint16_t) : sizeof(float));
}

struct weight *cpu_weight_view(struct backend *b, const float *rows, size_t n, size_t k)
{
    (void)b;
    struct weight *w = xcalloc(1, sizeof *w);
    *w = (struct weight){.type = ELEM_F32, .n = n, .k = k, .view = rows};
    return w;
}

struct weight *cpu_weight_new(struct backend *b, enum elem type, size_t n, size_t k, struct err *e)
{
    void *panels = host_alloc(b, cpu_weight_bytes(b, type, n, k), e);
    if (!panels)
        return NULL;
    struct weight *w = cpu_weight_view(b, NULL, n, k);
    w->type = type;
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

/* Element (n, k) of the panels. */
static size_t place(const struct weight *w, size_t n, size_t k)
{
    return (n / PANEL * w->k + k) * PANEL + n % PANEL;
}

struct loading {
    struct weight *w;
    const float *host;
    size_t row, n_rows;
};

/* Panels [first, end), counted from the one that holds l->row. */
static void load_panels(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct loading *l = arg;
    const struct weight *w = l->w;
    for (size_t p = first; p < end; p++) {
        size_t panel = l->row / PANEL + p;
        size_t from = panel * PANEL > l->row ? panel * PANEL : l->row;
        size_t to = (panel + 1) * PANEL < l->row + l->n_rows ? (panel + 1) * PANEL
                                                             : l->row + l->n_rows;
        for (size_t k = 0; k < w->k; k++)
            for (size_t n = from; n < to; n++) {
                float v = l->host[(n - l->row) * w->k + k];
                if (w->type == ELEM_BF16)
                    ((uint16_t *)w->panels)[place(w, n, k)] = to_bf16(v);
                else
                    ((float *)w->panels)[place(w, n, k)] = v;
            }
    }
}

void cpu_weight_load(struct backend *b, struct weight *w, size_t row, size_t n_rows,
                     const float *host)
{
    ASSERT(w->panels && row <= w->n && n_rows <= w->n - row);
    if (n_rows == 0)
        return;
    struct loading l = {w, host, row, n_rows};
    cpu_each(cpu_of(b), (row + n_rows - 1) / PANEL - row / PANEL + 1, 1, load_panels, &l);
}

void cpu_weight_refresh(struct backend *b, struct weight *w, const float *masters)
{
    if (w->panels)
        cpu_weight_load(b, w, 0, w->n, masters);
}

static float value(const struct weight *w, size_t n, size_t k)
{
    if (w->view)
        return w->view[n * w->k + k];
    if (w->type == ELEM_BF16)
        return from_bf16(((const uint16_t *)w->panels)[place(w, n, k)]);
    return ((const float *)w->panels)[place(w, n, k)];
}

void cpu_weight_read(struct backend *b, const struct weight *w, size_t row, size_t n_rows,
                     float *host)
{
    (void)b;
    ASSERT(row <= w->n && n_rows <= w->n - row);
    for (size_t n = 0; n < n_rows; n++)
        for (size_t k = 0; k < w->k; k++)
            host[n * w->k + k] = value(w, row + n, k);
}

void weight_pack_transposed(struct cpu *c, const struct weight *w, size_t panel, size_t j0,
                            size_t k, float *to)
{
    size_t first = panel * PANEL, n = w->k - first < PANEL ? w->k - first : PANEL;
    if (w->view) {
        c->k->pack_columns(to, PANEL, w->view + j0 * w->k + first, w->k, n, k);
        return;
    }
    /* Squares of 16 x 16: j0 is a multiple of 16. */
    ASSERT(j0 % PANEL == 0);
    for (size_t j = 0; j < k; j += PANEL) {
        float square[PANEL * PANEL], out[PANEL * PANEL];
        const float *from = square;
        size_t at = place(w, j0 + j, first), rows = k - j < PANEL ? k - j : PANEL;
        if (w->type == ELEM_BF16)
            for (size_t i = 0; i < n * PANEL; i++)
                square[i] = from_bf16(((const uint16_t *)w->panels)[at + i]);
        else
            from = (const float *)w->panels + at;
        c->k->pack_rows(rows == PANEL ? to + j * PANEL : out, from, PANEL, n, PANEL);
        if (rows < PANEL)
            memcpy(to + j * PANEL, out, rows * PANEL * sizeof *to);
    }
}
