/* bench_gpu.c - what a device's memory and products can reach, and the limits that follow for the
 * work of tests/gpu.sh: a Qwen2.5-1.5B shape in bf16.
 *
 *     bench_gpu DEVICE
 *
 * Decoding: 256 sequences, prompts of 512 tokens shared by 8, 512 new tokens.  A step reads all
 * weights once, every prompt's keys and values once and every sequence's own, and makes 2 operations
 * for each weight and token; its limit is the longer of the two times.
 * Update: 6 operations for each weight and token, and the products of causal attention. */
#include "base/mem.h"
#include "compute/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Bytes per second read and written by a copy. */
static double copy_bandwidth(struct backend *b)
{
    struct err e = ERR_NONE;
    size_t bytes = (size_t)1 << 30;
    char *from = NULL, *to = NULL, last;
    while (bytes > 1 << 20 && !(to = b->op->alloc(b, 2 * bytes, &e))) {
        bytes /= 2;
        e = (struct err)ERR_NONE;
    }
    ASSERT(to);
    from = to + bytes;
    double best = 0;
    for (int round = 0; round < 6; round++) {
        b->op->download(b, &last, to, 1); /* waits */
        double start = now();
        b->op->copy(b, to, from, bytes);
        b->op->download(b, &last, to, 1);
        double rate = 2 * (double)bytes / (now() - start);
        best = round && rate > best ? rate : best;
    }
    b->op->free(b, to);
    return best;
}

enum {
    LAYERS = 28,
    Q_HEADS = 12,
    KV_HEADS = 2,
    HEAD = 128,
    SEQS = 256,
    GROUP = 8,
    PROMPT = 512,
    NEW = 512,
    LONG = 4096
};

int main(int argc, char **argv)
{
    struct err e = ERR_NONE;
    struct backend *b =
        backend_open(&(struct backend_options){.device = argc > 1 ? argv[1] : "cuda",
                                               .precision = PRECISION_BF16},
                     &e);
    if (!b) {
        fprintf(stderr, "bench_gpu: %s\n", e.text);
        return e.status;
    }
    double copy = copy_bandwidth(b), rate = b->op->peak_flops(b);
    double weights = 1.5437e9, kv = 2.0 * LAYERS * KV_HEADS * HEAD * 2; /* bytes of a position */
    double attention = 4.0 * LAYERS * Q_HEADS * HEAD;                   /* of a row and a key */
    double decode = 0;
    for (int n = 0; n < NEW; n++) {
        double bytes = 2 * weights + kv * ((double)SEQS / GROUP * PROMPT + (double)SEQS * n);
        double flops = SEQS * (2 * weights + attention * (PROMPT + n));
        double by_memory = bytes / copy, by_products = flops / rate;
        decode += by_memory > by_products ? by_memory : by_products;
    }
    double update = 6 * weights + 3 * attention * LONG / 2; /* for each token */
    printf("device %s\ncopy %.1f GB/s\nproducts %.1f TFLOP/s (bf16)\n", b->name, copy / 1e9,
           rate / 1e12);
    printf("limit of decoding %.0f tok/s\nlimit of an update %.0f tok/s\n", SEQS * NEW / decode,
           rate / update);
    backend_close(b);
    return 0;
}
