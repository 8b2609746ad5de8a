/* weights.h - the stored tensors of a model directory, found, checked, and
 * read in the order of the layout.
 *
 * model.safetensors, or the shards of model.safetensors.index.json.  Every
 * parameter must be there with the shape that the config says, in F32, BF16 or
 * F16; a tensor that belongs to no parameter is refused by name, since it
 * would mean that the model is another one.  A tied head that is stored as well
 * must be a copy of the embedding. */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/layout.h"
#include "model/safetensors.h"

enum { WEIGHTS_SHARDS_MAX = 4096, WEIGHTS_INDEX_MAX = 64 << 20, WEIGHTS_DIGEST = 33 };

struct weights;

/* Maps the files; the data is not read (but for a tied head's copy). */
struct weights *weights_open(const char *dir, const struct layout *l, struct err *e) MUST_CHECK;
void weights_close(struct weights *w); /* accepts NULL */

/* The widest stored type: F16 and BF16 mixed, or anything with F32, is F32. */
enum dtype weights_dtype(const struct weights *w);
uint64_t weights_bytes(const struct weights *w);
const struct st_tensor *weights_tensor(const struct weights *w, size_t param);

/* Elements [from, from + n) of a parameter as f32, exactly. */
void weights_read(const struct weights *w, size_t param, size_t from, size_t n, float *out);

/* Elements [from, from + n) have been read: the pages of the file up to their end may leave the
 * memory.  Reading them again brings them back. */
void weights_release(const struct weights *w, size_t param, size_t from, size_t n);

/* Hash of the configuration and the stored values, parameter by parameter. */
void weights_digest(const struct weights *w, const struct model_config *c,
                    char out[WEIGHTS_DIGEST]);

/* Writes model.safetensors, or shards of at most max_shard_bytes (0: no limit)
 * and their index, into dir.  read() gives a parameter's values in f32; dtype is F32 or BF16. */
bool weights_write(const char *dir, const struct layout *l, enum dtype dtype,
                   uint64_t max_shard_bytes,
                   void (*read)(void *arg, size_t param, size_t from, size_t n, float *out),
                   void *arg, struct err *e) MUST_CHECK;

#endif
