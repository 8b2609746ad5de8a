/* open.h - what the rest of compute/ knows of the CUDA device. */
#ifndef COMPUTE_CUDA_OPEN_H
#define COMPUTE_CUDA_OPEN_H

#include "compute/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* GPUs that this build can run on; 0 also without a driver. */
int cuda_devices(void);

/* o->device: "cuda" or "cuda:N". */
struct backend *cuda_open(const struct backend_options *o, struct err *e);

void cuda_describe(char *out, size_t room);

#ifdef __cplusplus
}
#endif

#endif
