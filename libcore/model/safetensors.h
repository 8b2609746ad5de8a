/* safetensors.h - the file format of weights, read and written.
 *
 *     u64 little-endian header length | JSON header | data
 *
 * A header is {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ...}
 * with an optional "__metadata__" of strings; offsets count from the start of
 * the data.  What is accepted here tiles its data section exactly: no hole, no
 * overlap, nothing after the last tensor.  Every number of a header is checked
 * before it is used. */
#ifndef MODEL_SAFETENSORS_H
#define MODEL_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "model/dtype.h"

enum {
    ST_HEADER_MAX = 100 * 1000 * 1000, /* bytes of the JSON, as in the reference implementation */
    ST_TENSORS_MAX = 1 << 20,
    ST_DIMS_MAX = 16,
    ST_NAME_MAX = 512,
};

struct st_tensor {
    struct str name;
    enum dtype dtype;
    int n_dims;
    uint64_t shape[ST_DIMS_MAX];
    uint64_t n;                /* elements; 1 for a scalar */
    const unsigned char *data; /* in the mapped file, not aligned */
    size_t bytes;
};

struct safetensors;

/* Maps the file; nothing of the data is read.  ERR_DATA names what is wrong. */
struct safetensors *safetensors_open(const char *path, struct err *e) MUST_CHECK;
void safetensors_close(struct safetensors *s); /* accepts NULL */

size_t safetensors_count(const struct safetensors *s);
const struct st_tensor *safetensors_at(const struct safetensors *s, size_t i); /* by name, rising */
const struct st_tensor *safetensors_find(const struct safetensors *s,
                                         struct str name); /* or NULL */

/* The same for a file in memory, which must outlive it. */
struct safetensors *safetensors_parse(const unsigned char *file, size_t n,
                                      struct err *e) MUST_CHECK;

/* Writing.  The tensors are stored in the order given; fill() is asked for
 * elements [from, from + n) of tensor i, in order, in the stored type. */
struct st_entry {
    struct str name;
    enum dtype dtype;
    int n_dims;
    uint64_t shape[ST_DIMS_MAX];
};
bool safetensors_write(const char *path, const struct st_entry *entries, size_t n_entries,
                       void (*fill)(void *arg, size_t i, uint64_t from, size_t n, void *out),
                       void *arg, struct err *e) MUST_CHECK;

#endif
