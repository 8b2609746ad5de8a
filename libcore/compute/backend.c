/* backend.c - the devices by name. */
#include "compute/backend.h"
#include "compute/host.h"
#ifdef GCPO_CUDA
#include "compute/cuda/open.h"
#endif

#include <stdio.h>
#include <string.h>

static bool is_cuda(const char *device)
{
    return strcmp(device, "cuda") == 0 || strncmp(device, "cuda:", 5) == 0;
}

#ifdef GCPO_CUDA
static bool have_gpu(void)
{
    return cuda_devices() > 0;
}
#else
static bool have_gpu(void)
{
    return false;
}

static struct backend *cuda_open(const struct backend_options *o, struct err *e)
{
    err_set(e, ERR_DEVICE, "device %s: this program was built without CUDA (make CUDA=1)",
            o->device);
    return NULL;
}

static void cuda_describe(char *out, size_t room)
{
    snprintf(out, room, "cuda: not in this build");
}
#endif

bool backend_is_gpu(const char *device)
{
    return !device || strcmp(device, "auto") == 0 ? have_gpu() : is_cuda(device);
}

void backend_describe(char *out, size_t room)
{
    cuda_describe(out, room);
}

struct backend *backend_open(const struct backend_options *o, struct err *e)
{
    struct backend_options chosen = *o;
    if (!o->device || strcmp(o->device, "auto") == 0)
        chosen.device = have_gpu() ? "cuda" : "cpu";
    bool gpu = is_cuda(chosen.device);
    if (!gpu && (o->precision == PRECISION_TF32 || o->precision == PRECISION_F32)) {
        err_set(e, ERR_DEVICE, "device %s has no products in tf32 or f32 (they need a GPU)",
                chosen.device);
        return NULL;
    }
    if (gpu)
        return cuda_open(&chosen, e);
    if (strcmp(chosen.device, "cpu") == 0)
        return cpu_open(&chosen, e);
    if (strcmp(chosen.device, "ref") == 0)
        return ref_open(&chosen, e);
    err_set(e, ERR_USAGE, "there is no device %s (expected auto, cpu, cuda, cuda:N or ref)",
            chosen.device);
    return NULL;
}

void backend_close(struct backend *b)
{
    if (b)
        b->op->close(b);
}
