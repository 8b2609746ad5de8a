/* backend.h - a device: its memory and its table of operators (ops.h).
 *
 * All tensors live in device memory, which only the device's operators touch:
 * code above may add offsets to a device pointer, never follow it.  "Device"
 * in a comment means such memory, "host" means ordinary memory that is
 * borrowed for the call.  On the CPU both are the same, and `ref` and `cpu`
 * poison nothing: tests over a device that is not the CPU show violations.
 *
 * A backend is used by one thread at a time and has its own pool. */
#ifndef COMPUTE_BACKEND_H
#define COMPUTE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* EXACT gives the same bits on every device.  TF32 and F32 are the GPU library's products, of both
 * sides rounded to tf32 (11 bits) or as they are, in an order of its own. */
enum precision {
    PRECISION_EXACT, /* products of f32 activations and weights as stored */
    PRECISION_BF16,  /* both sides of a product rounded to bf16, sums in f32 */
    PRECISION_TF32,  /* cuda only */
    PRECISION_F32,   /* cuda only */
};

struct backend_options {
    const char *device; /* "auto" (also NULL), "cpu", "ref", "cuda", "cuda:N" */
    const char *isa;    /* cpu: "portable", "avx2", "avx512"; NULL: $GCPO_TEST_ISA, else the best */
    size_t threads;     /* 0: one for each CPU */
    enum precision precision;
    uint64_t memory; /* cuda: bytes of its pool; 0: most of what is free */
};

/* What a backend must have room for, so that no operator ever allocates.
 * Zero where an operator is not used. */
struct op_limits {
    size_t rows;       /* of any matrix of activations */
    size_t width;      /* columns of any matrix of activations, the head's logits excepted */
    size_t head_dim;   /* of attention */
    size_t n_heads;    /* query heads */
    size_t n_kv_heads; /* key/value heads */
    size_t keys;       /* visible to one row of attention */
    size_t vocab;      /* rows of the head */
    size_t hidden;     /* columns of the head */
    size_t head_rows;  /* rows of one call of head or sample */
    size_t lanes;      /* of run_lanes(), each for its share of rows and head_rows, rounded up */
    bool train;        /* gradients too */
};

struct backend {
    const struct ops *op;
    const char *name; /* "cpu avx512", "ref", "cuda sm_90 NVIDIA H200" */
    enum precision precision;
};

/* "auto" is the first GPU if this build knows CUDA and there is one that works, else the CPU.
 * ERR_USAGE: no such device or isa.  ERR_DEVICE: this machine cannot do what was asked for. */
struct backend *backend_open(const struct backend_options *o, struct err *e) MUST_CHECK;
void backend_close(struct backend *b); /* accepts NULL */

/* Whether `device` is a GPU here, so that defaults can depend on it. */
bool backend_is_gpu(const char *device);

/* One line on the devices that this build can use and what is there, for people:
 * "cuda 13.0: 0: NVIDIA H200 (sm_90, 139.8 GiB)", "cuda: not in this build". */
void backend_describe(char *out, size_t room);

#endif
