/* kv.c - pages of keys and values, and how a batch is cut into items. */
#include "base/mem.h"
#include "compute/cpu/cpu.h"
#include "compute/elem.h"

#include <stdlib.h>
#include <string.h>

/* ---- pages ---- */

static size_t head_elements(size_t d)
{
    return OPS_KV_BLOCK * (d + up(d, PANEL));
}

static size_t elem_bytes(enum elem type)
{
    return type == ELEM_BF16 ? sizeof(uint16_t) : sizeof(float);
}

size_t cpu_kv_page_bytes(struct backend *b, enum elem type, size_t n_layers, size_t n_kv_heads,
                         size_t head_dim)
{
    (void)b;
    return n_layers * n_kv_heads * head_elements(head_dim) * elem_bytes(type);
}

struct kv *cpu_kv_new(struct backend *b, enum elem type, size_t n_layers, size_t n_pages,
                      size_t n_kv_heads, size_t head_dim, struct err *e)
{
    size_t page = cpu_kv_page_bytes(b, type, n_layers, n_kv_heads, head_dim);
    if (page && n_pages > SIZE_MAX / page) {
        err_set(e, ERR_DEVICE, "not enough memory for %zu pages of keys and values", n_pages);
        return NULL;
    }
    void *data = host_alloc(b, n_pages * page, e);
    if (!data)
        return NULL;
    struct kv *kv = xmalloc(sizeof *kv);
    *kv = (struct kv){type, n_layers, n_pages, n_kv_heads, head_dim, up(head_dim, PANEL), data};
    return kv;
}

void cpu_kv_free(struct backend *b, struct kv *kv)
{
    if (!kv)
        return;
    host_free(b, kv->data);
    free(kv);
}

size_t kv_keys(const struct kv *kv, size_t layer, int32_t page, size_t head)
{
    ASSERT((size_t)page < kv->n_pages && layer < kv->n_layers);
    return ((layer * kv->n_pages + (size_t)page) * kv->n_heads + head) * head_elements(kv->d);
}

size_t kv_values(const struct kv *kv, size_t layer, int32_t page, size_t head)
{
    return kv_keys(kv, layer, page, head) + OPS_KV_BLOCK * kv->d;
}

const void *kv_at(const struct kv *kv, size_t element)
{
    return (const char *)kv->data + element * elem_bytes(kv->type);
}

/* ---- writing ---- */

struct writing {
    struct cpu *c;
    const struct kv_write *a;
};

/* One key becomes a column of its panel. */
static void put_key(const struct kv *kv, size_t panel, size_t column, const float *k)
{
    if (kv->type == ELEM_BF16) {
        uint16_t *to = (uint16_t *)kv->data + panel + panel_place(column);
        for (size_t d = 0; d < kv->d; d++)
            to[d * PANEL] = to_bf16(k[d]);
    } else {
        float *to = (float *)kv->data + panel + column;
        for (size_t d = 0; d < kv->d; d++)
            to[d * PANEL] = k[d];
    }
}

/* One value becomes a row in each of its panels. */
static void put_value(const struct kernels *k, const struct kv *kv, size_t element, const float *v)
{
    for (size_t d = 0; d < kv->d; d += PANEL, element += OPS_KV_BLOCK * PANEL) {
        float row[PANEL] = {0};
        memcpy(row, v + d, (kv->d - d < PANEL ? kv->d - d : PANEL) * sizeof *row);
        if (kv->type == ELEM_BF16)
            k->round_panel((uint16_t *)kv->data + element, row, 1);
        else
            memcpy((float *)kv->data + element, row, sizeof row);
    }
}

static void write_row(const struct writing *w, const struct attn_seq *s, size_t r)
{
    const struct kv_write *a = w->a;
    const struct kv *kv = a->kv;
    size_t position = s->n_keys - s->n_rows + r, at = position % OPS_KV_BLOCK;
    const float *k = row_at(a->k, s->row + r), *v = row_at(a->v, s->row + r);
    for (size_t h = 0; h < kv->n_heads; h++) {
        size_t keys = kv_keys(kv, a->layer, s->pages[position / OPS_KV_BLOCK], h);
        put_key(kv, keys + at / PANEL * kv->d * PANEL, at % PANEL, k + h * kv->d);
        put_value(w->c->k, kv, keys + OPS_KV_BLOCK * kv->d + at * PANEL, v + h * kv->d);
    }
}

static void write_items(void *arg, size_t first, size_t end, size_t worker)
{
    (void)worker;
    const struct writing *w = arg;
    const struct kv_write *a = w->a;
    for (size_t i = first; i < end; i++) {
        const struct attn_item *item = &a->plan->items[i];
        for (size_t p = item->piece; p < item->piece + item->n_pieces; p++) {
            const struct attn_piece *piece = &a->plan->pieces[p];
            for (size_t r = 0; r < piece->n_rows; r++)
                write_row(w, &a->plan->s.seqs[piece->seq], piece->row + r);
        }
    }
}

void cpu_kv_write(struct backend *b, const struct kv_write *a)
{
    struct writing w = {cpu_of(b), a};
    size_t item = a->kv->n_heads * a->kv->d * a->plan->item_rows;
    cpu_each(w.c, a->plan->n_items, 8192 / (item + 1) + 1, write_items, &w);
}

/* ---- plans ---- */

struct attn_plan *cpu_plan_new(struct backend *b, const struct plan_size *size, struct err *e)
{
    (void)b;
    ASSERT(size->n_kv_heads && size->n_heads % size->n_kv_heads == 0);
    struct attn_plan *plan = xcalloc(1, sizeof *plan);
    plan->n_heads = size->n_heads;
    plan->n_kv_heads = size->n_kv_heads;
    plan->head_parts = (size->n_heads / size->n_kv_heads + ATTN_ROWS - 1) / ATTN_ROWS;
    /* An item may end early at the end of a sequence, and a sequence in mid-item. */
    size_t most = size->n_rows + size->n_seqs + 1;
    plan->pieces = calloc(most, sizeof *plan->pieces);
    plan->items = calloc(most, sizeof *plan->items);
    if (!plan->pieces || !plan->items)
        err_set(e, ERR_DEVICE, "not enough memory for a batch of %zu rows", size->n_rows);
    else if (host_seqs_init(&plan->s, size, e))
        return plan;
    cpu_plan_free(b, plan);
    return NULL;
}

void cpu_plan_free(struct backend *b, struct attn_plan *plan)
{
    (void)b;
    if (!plan)
        return;
    host_seqs_free(&plan->s);
    free(plan->pieces);
    free(plan->items);
    free(plan);
}

/* Rows of an item: as many as a tile holds, fewer if threads would have nothing to do. */
static size_t rows_of_item(const struct attn_plan *plan, size_t n_rows, size_t threads)
{
    size_t group = plan->n_heads / plan->n_kv_heads;
    size_t most = group < ATTN_ROWS ? ATTN_ROWS / group : 1;
    size_t least = group < 8 ? 8 / group : 1;
    size_t fair = n_rows * plan->n_kv_heads / (2 * threads) + 1;
    return fair < least ? least : fair > most ? most : fair;
}

void cpu_plan_set(struct backend *b, struct attn_plan *plan, const struct attn_seq *seqs,
                  size_t n_seqs)
{
    host_seqs_set(&plan->s, seqs, n_seqs);
    size_t n_rows = 0;
    for (size_t i = 0; i < n_seqs; i++)
        n_rows += seqs[i].n_rows;
    plan->item_rows = rows_of_item(plan, n_rows, pool_size(cpu_of(b)->pool));
    plan->n_pieces = plan->n_items = 0;
    struct attn_item *item = NULL;
    for (size_t i = 0; i < n_seqs; i++) {
        const struct attn_seq *s = &plan->s.seqs[i];
        if (item && !(s->n_shared && host_seqs_share(&s[-1], s)))
            item = NULL;
        for (size_t row = 0, n; row < s->n_rows; row += n) {
            if (!item || item->n_rows == plan->item_rows) {
                item = &plan->items[plan->n_items++];
                *item = (struct attn_item){(uint32_t)plan->n_pieces, 0, 0};
            }
            n = plan->item_rows - item->n_rows;
            n = n < s->n_rows - row ? n : s->n_rows - row;
            plan->pieces[plan->n_pieces++] =
                (struct attn_piece){(uint32_t)i, (uint32_t)row, (uint32_t)n};
            item->n_pieces++;
            item->n_rows += (uint32_t)n;
        }
    }
}
