/* model.c - see model.h: weights from files onto the device. */
#include "model/model.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 18 }; /* elements moved at a time */

/* ---- matrices ---- */

/* Whether the masters themselves are multiplied. */
static bool in_place(const struct model *m)
{
    return m->masters && m->stored == ELEM_F32 && m->b->op->views(m->b);
}

static struct weight *new_matrix(struct model *m, size_t first, size_t n_params, struct err *e)
{
    const struct ops *op = m->b->op;
    const struct param *p = &m->layout->params[first];
    size_t rows = 0;
    for (size_t i = 0; i < n_params; i++) {
        ASSERT(p[i].cols == p->cols && p[i].offset == p->offset + rows * p->cols);
        rows += p[i].rows;
    }
    if (in_place(m))
        return op->weight_view(m->b, m->masters + p->offset, rows, p->cols);
    return op->weight_new(m->b, m->stored, rows, p->cols, e);
}

static void load_matrix(struct model *m, struct weight *w, const struct weights *files,
                        size_t first, size_t n_params, float *piece)
{
    size_t at = 0;
    for (size_t i = first; i < first + n_params; i++) {
        const struct param *p = &m->layout->params[i];
        size_t step = PIECE / p->cols ? PIECE / p->cols : 1;
        for (size_t row = 0; row < p->rows; row += step) {
            size_t n = p->rows - row < step ? p->rows - row : step;
            weights_read(files, i, row * p->cols, n * p->cols, piece);
            m->b->op->weight_load(m->b, w, at + row, n, piece);
            weights_release(files, i, row * p->cols, n * p->cols);
        }
        at += p->rows;
    }
}

static void list_matrices(struct model *m)
{
    const struct layout *l = m->layout;
    size_t layers = (size_t)m->config->n_layers, n = 0;
    struct matrix *all = xcalloc(4 * layers + 2, sizeof *all);
    all[n++] = (struct matrix){&m->embed, (size_t)l->embed, 1};
    for (size_t i = 0; i < layers; i++) {
        struct layer_weights *w = &m->layers[i];
        all[n++] = (struct matrix){&w->qkv, (size_t)l->layers[i].q, 3};
        all[n++] = (struct matrix){&w->o, (size_t)l->layers[i].o, 1};
        all[n++] = (struct matrix){&w->gate_up, (size_t)l->layers[i].gate, 2};
        all[n++] = (struct matrix){&w->down, (size_t)l->layers[i].down, 1};
    }
    if (l->head != l->embed)
        all[n++] = (struct matrix){&m->head, (size_t)l->head, 1};
    m->matrices = all;
    m->n_matrices = n;
}

static const float *masters_of(const struct model *m, const struct matrix *x)
{
    return m->masters + m->layout->params[x->first].offset;
}

static bool open_matrices(struct model *m, const struct weights *files, struct err *e)
{
    size_t widest = PIECE;
    list_matrices(m);
    for (size_t i = 0; i < m->n_matrices; i++)
        if (m->layout->params[m->matrices[i].first].cols > widest)
            widest = m->layout->params[m->matrices[i].first].cols;
    float *piece = xmalloc(widest * sizeof *piece);
    bool ok = true;
    for (size_t i = 0; ok && i < m->n_matrices; i++) {
        const struct matrix *x = &m->matrices[i];
        *x->w = new_matrix(m, x->first, x->n, e);
        ok = *x->w != NULL;
        if (ok && m->masters)
            m->b->op->weight_refresh(m->b, *x->w, masters_of(m, x));
        else if (ok)
            load_matrix(m, *x->w, files, x->first, x->n, piece);
    }
    if (m->layout->head == m->layout->embed)
        m->head = m->embed;
    free(piece);
    return ok;
}

/* ---- vectors: norms and biases ---- */

static bool is_vector(const struct param *p)
{
    return p->cols == 0;
}

static size_t count_vectors(const struct layout *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_params; i++)
        n += is_vector(&l->params[i]) ? l->params[i].n : 0;
    return n;
}

/* Where each vector is: in the masters, or one after another in m->vectors. */
static void place_vectors(struct model *m)
{
    const struct layout *l = m->layout;
    const float **at = xcalloc(l->n_params + 1, sizeof *at); /* at[-1] is NULL */
    size_t used = 0;
    at++;
    for (size_t i = 0; i < l->n_params; i++) {
        if (!is_vector(&l->params[i]))
            continue;
        at[i] = m->vectors ? m->vectors + used : m->masters + l->params[i].offset;
        used += l->params[i].n;
    }
    m->norm = at[l->norm];
    for (int i = 0; i < m->config->n_layers; i++) {
        const struct layer_params *p = &l->layers[i];
        struct layer_weights *w = &m->layers[i];
        w->attn_norm = at[p->attn_norm], w->ff_norm = at[p->ff_norm];
        w->q_norm = at[p->q_norm], w->k_norm = at[p->k_norm];
        w->qkv_bias = at[p->q_bias], w->o_bias = at[p->o_bias];
        w->gate_up_bias = at[p->gate_bias], w->down_bias = at[p->down_bias];
    }
    free(at - 1);
}

static bool load_vectors(struct model *m, const struct weights *files, struct err *e)
{
    const struct layout *l = m->layout;
    m->n_vectors = count_vectors(l);
    if (m->masters && m->stored == ELEM_F32) {
        place_vectors(m);
        return true;
    }
    m->vectors = m->b->op->alloc(m->b, m->n_vectors * sizeof(float), e);
    if (!m->vectors)
        return false;
    m->host = xmalloc(m->n_vectors * sizeof *m->host);
    m->rounded = xmalloc(m->n_vectors * sizeof *m->rounded);
    size_t used = 0;
    for (size_t i = 0; i < l->n_params; i++)
        if (is_vector(&l->params[i])) {
            weights_read(files, i, 0, l->params[i].n, m->host + used);
            used += l->params[i].n;
        }
    m->b->op->upload(m->b, m->vectors, m->host, m->n_vectors * sizeof *m->host);
    place_vectors(m);
    return true;
}

static bool load_masters(struct model *m, const struct weights *files, struct err *e)
{
    const struct layout *l = m->layout;
    m->masters = m->b->op->alloc(m->b, l->n * sizeof(float), e);
    if (!m->masters)
        return false;
    float *piece = xmalloc(PIECE * sizeof *piece);
    for (size_t i = 0; i < l->n_params; i++) {
        for (size_t from = 0; from < l->params[i].n; from += PIECE) {
            size_t n = l->params[i].n - from < PIECE ? l->params[i].n - from : PIECE;
            weights_read(files, i, from, n, piece);
            m->b->op->upload(m->b, m->masters + l->params[i].offset + from, piece,
                             n * sizeof *piece);
            weights_release(files, i, from, n);
        }
    }
    free(piece);
    return true;
}

/* ---- the whole ---- */

bool model_open(struct model *m, struct backend *b, const struct model_config *c,
                const struct layout *l, struct weights *w, bool train, bool as_f32, struct err *e)
{
    memset(m, 0, sizeof *m);
    m->b = b, m->config = c, m->layout = l;
    m->stored = weights_dtype(w) == DTYPE_BF16 && !as_f32 ? ELEM_BF16 : ELEM_F32;
    m->layers = xcalloc((size_t)c->n_layers, sizeof *m->layers);
    m->q_width = (size_t)c->n_heads * (size_t)c->head_dim;
    m->kv_width = (size_t)c->n_kv_heads * (size_t)c->head_dim;
    m->qkv_width = m->q_width + 2 * m->kv_width;
    return (!train || load_masters(m, w, e)) && load_vectors(m, w, e) && open_matrices(m, w, e);
}

void model_close(struct model *m)
{
    if (!m->b)
        return;
    const struct ops *op = m->b->op;
    if (m->head != m->embed)
        op->weight_free(m->b, m->head);
    op->weight_free(m->b, m->embed);
    for (int i = 0; m->layers && i < m->config->n_layers; i++) {
        op->weight_free(m->b, m->layers[i].qkv);
        op->weight_free(m->b, m->layers[i].o);
        op->weight_free(m->b, m->layers[i].gate_up);
        op->weight_free(m->b, m->layers[i].down);
    }
    op->free(m->b, m->masters);
    op->free(m->b, m->vectors);
    op->free(m->b, m->cos);
    op->free(m->b, m->sin);
    free(m->layers);
    free(m->matrices);
    free(m->host);
    free(m->rounded);
    memset(m, 0, sizeof *m);
}

uint64_t model_weight_bytes(struct backend *b, const struct model_config *c, const struct layout *l,
                            enum dtype stored, bool train, bool as_f32)
{
    enum elem type = stored == DTYPE_BF16 && !as_f32 ? ELEM_BF16 : ELEM_F32;
    bool masters = train && type == ELEM_F32; /* serve as vectors, and as matrices where they can */
    if (masters && b->op->views(b))
        return 0;
    uint64_t bytes = masters ? 0 : count_vectors(l) * sizeof(float);
    size_t d = (size_t)c->hidden, ff = (size_t)c->ff, hd = (size_t)c->head_dim;
    size_t q = (size_t)c->n_heads * hd, qkv = q + 2 * (size_t)c->n_kv_heads * hd;
    uint64_t layer = b->op->weight_bytes(b, type, qkv, d) + b->op->weight_bytes(b, type, d, q) +
                     b->op->weight_bytes(b, type, 2 * ff, d) + b->op->weight_bytes(b, type, d, ff);
    bytes += layer * (uint64_t)c->n_layers;
    return bytes + b->op->weight_bytes(b, type, (size_t)c->vocab, d) * (c->tied ? 1 : 2);
}

bool model_reserve_positions(struct model *m, size_t n, struct err *e)
{
    if (n <= m->n_positions)
        return true;
    size_t half = (size_t)m->config->head_dim / 2, bytes = n * half * sizeof(float);
    const struct ops *op = m->b->op;
    double frequency[CONFIG_HEAD_DIM_MAX / 2], scale = rope_frequencies(m->config, frequency);
    op->free(m->b, m->cos);
    op->free(m->b, m->sin);
    m->n_positions = 0;
    m->sin = NULL;
    m->cos = op->alloc(m->b, bytes, e);
    if (m->cos)
        m->sin = op->alloc(m->b, bytes, e);
    if (!m->sin)
        return false;
    float *c = xmalloc(bytes), *s = xmalloc(bytes);
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < half; i++) {
            double angle = (double)t * frequency[i];
            c[t * half + i] = (float)(cos(angle) * scale);
            s[t * half + i] = (float)(sin(angle) * scale);
        }
    op->upload(m->b, m->cos, c, bytes);
    op->upload(m->b, m->sin, s, bytes);
    free(c);
    free(s);
    m->n_positions = n;
    return true;
}

static void refresh_vectors(struct model *m)
{
    const struct layout *l = m->layout;
    size_t used = 0;
    for (size_t i = 0; i < l->n_params; i++)
        if (is_vector(&l->params[i])) {
            size_t n = l->params[i].n;
            m->b->op->download(m->b, m->host + used, m->masters + l->params[i].offset,
                               n * sizeof *m->host);
            used += n;
        }
    dtype_from_f32(DTYPE_BF16, m->host, m->rounded, m->n_vectors);
    dtype_to_f32(DTYPE_BF16, m->rounded, m->host, m->n_vectors);
    m->b->op->upload(m->b, m->vectors, m->host, m->n_vectors * sizeof *m->host);
}

void model_refresh(struct model *m)
{
    if (!m->masters || in_place(m))
        return;
    for (size_t i = 0; i < m->n_matrices; i++)
        m->b->op->weight_refresh(m->b, *m->matrices[i].w, masters_of(m, &m->matrices[i]));
    if (m->vectors)
        refresh_vectors(m);
}
