/* ref.h - the reference device: every operator of ops.h as its formula says,
 * plain loops, sums in double, one thread.  It owns no order of reduction: its
 * results are what the others approximate. */
#ifndef COMPUTE_REF_REF_H
#define COMPUTE_REF_REF_H

#include "compute/host.h"

/* Weights are f32 rows, rounded to what the stored type can hold. */
struct weight {
    enum elem type;
    size_t n, k;
    float *own; /* NULL: a view */
    const float *rows;
};

/* A value as a product sees it. */
float ref_seen(const struct backend *b, float v);

void ref_linear(struct backend *b, const struct linear *a);
void ref_linear_backward(struct backend *b, const struct linear_grad *a);
void ref_embed(struct backend *b, const struct weight *w, const int32_t *ids, size_t m,
               struct rows y);
void ref_embed_backward(struct backend *b, float *dw, size_t c, const int32_t *ids, size_t m,
                        struct rows dy);
void ref_gather(struct backend *b, struct rows y, struct rows x, const int32_t *index, size_t m,
                size_t c);
void ref_scatter_add(struct backend *b, struct rows x, struct rows y, const int32_t *index,
                     size_t m, size_t c);
void ref_add(struct backend *b, float *y, const float *x, size_t n);
void ref_norm(struct backend *b, const struct norm *a);
void ref_norm_backward(struct backend *b, const struct norm_grad *a);
void ref_rope(struct backend *b, const struct rope_args *a);
void ref_swiglu(struct backend *b, const struct swiglu *a);
void ref_swiglu_backward(struct backend *b, const struct swiglu_grad *a);

struct kv *ref_kv_new(struct backend *b, enum elem type, size_t n_layers, size_t n_pages,
                      size_t n_kv_heads, size_t head_dim, struct err *e);
void ref_kv_free(struct backend *b, struct kv *kv);
size_t ref_kv_page_bytes(struct backend *b, enum elem type, size_t n_layers, size_t n_kv_heads,
                         size_t head_dim);
struct attn_plan *ref_plan_new(struct backend *b, const struct plan_size *size, struct err *e);
void ref_plan_free(struct backend *b, struct attn_plan *plan);
void ref_plan_set(struct backend *b, struct attn_plan *plan, const struct attn_seq *seqs,
                  size_t n_seqs);
void ref_kv_write(struct backend *b, const struct kv_write *a);
void ref_attention(struct backend *b, const struct attention *a);
void ref_attention_backward(struct backend *b, const struct attention_grad *a);

void ref_head(struct backend *b, const struct head *a);
void ref_head_backward(struct backend *b, const struct head_grad *a);
void ref_sample(struct backend *b, const struct sample *a);
void ref_distribution(struct backend *b, const float *logits, size_t v,
                      const struct sample_row *row, double *p);
void ref_adamw(struct backend *b, const struct adamw *a);
double ref_dot(struct backend *b, const float *x, const float *y, size_t n);

#endif
