/* layout.c - see layout.h. */
#include "model/layout.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMS_PER_LAYER = 18, PARAMS_OUTSIDE = 3 };

static int add(struct layout *l, const char *name, size_t rows, size_t cols)
{
    struct param *p = &l->params[l->n_params];
    snprintf(p->name, sizeof p->name, "%s", name);
    p->rows = rows, p->cols = cols;
    p->n = rows * (cols ? cols : 1);
    p->offset = l->n;
    l->n += p->n;
    return (int)l->n_params++;
}

static int add_in(struct layout *l, int layer, const char *name, size_t rows, size_t cols)
{
    char full[96];
    snprintf(full, sizeof full, "model.layers.%d.%s", layer, name);
    return add(l, full, rows, cols);
}

static int add_if(bool present, struct layout *l, int layer, const char *name, size_t rows)
{
    return present ? add_in(l, layer, name, rows, 0) : -1;
}

static void add_layer(struct layout *l, const struct model_config *c, int i)
{
    struct layer_params *p = &l->layers[i];
    size_t d = (size_t)c->hidden, ff = (size_t)c->ff, hd = (size_t)c->head_dim;
    size_t q = (size_t)c->n_heads * hd, kv = (size_t)c->n_kv_heads * hd;
    p->attn_norm = add_in(l, i, "input_layernorm.weight", d, 0);
    p->q = add_in(l, i, "self_attn.q_proj.weight", q, d);
    p->k = add_in(l, i, "self_attn.k_proj.weight", kv, d);
    p->v = add_in(l, i, "self_attn.v_proj.weight", kv, d);
    p->q_bias = add_if(c->qkv_bias, l, i, "self_attn.q_proj.bias", q);
    p->k_bias = add_if(c->qkv_bias, l, i, "self_attn.k_proj.bias", kv);
    p->v_bias = add_if(c->qkv_bias, l, i, "self_attn.v_proj.bias", kv);
    p->q_norm = add_if(c->family->qk_norm, l, i, "self_attn.q_norm.weight", hd);
    p->k_norm = add_if(c->family->qk_norm, l, i, "self_attn.k_norm.weight", hd);
    p->o = add_in(l, i, "self_attn.o_proj.weight", d, q);
    p->o_bias = add_if(c->o_bias, l, i, "self_attn.o_proj.bias", d);
    p->ff_norm = add_in(l, i, "post_attention_layernorm.weight", d, 0);
    p->gate = add_in(l, i, "mlp.gate_proj.weight", ff, d);
    p->up = add_in(l, i, "mlp.up_proj.weight", ff, d);
    p->gate_bias = add_if(c->mlp_bias, l, i, "mlp.gate_proj.bias", ff);
    p->up_bias = add_if(c->mlp_bias, l, i, "mlp.up_proj.bias", ff);
    p->down = add_in(l, i, "mlp.down_proj.weight", d, ff);
    p->down_bias = add_if(c->mlp_bias, l, i, "mlp.down_proj.bias", d);
}

void layout_init(struct layout *l, const struct model_config *c)
{
    size_t layers = (size_t)c->n_layers, vocab = (size_t)c->vocab, d = (size_t)c->hidden;
    memset(l, 0, sizeof *l);
    l->params = xcalloc(layers * PARAMS_PER_LAYER + PARAMS_OUTSIDE, sizeof *l->params);
    l->layers = xcalloc(layers, sizeof *l->layers);
    l->embed = add(l, "model.embed_tokens.weight", vocab, d);
    for (int i = 0; i < c->n_layers; i++)
        add_layer(l, c, i);
    l->norm = add(l, "model.norm.weight", d, 0);
    l->head = c->tied ? l->embed : add(l, "lm_head.weight", vocab, d);
}

void layout_free(struct layout *l)
{
    free(l->params);
    free(l->layers);
    memset(l, 0, sizeof *l);
}
