/* kernels_portable.c - see kernels_body.h. */
#define KERNELS portable
#include "compute/cpu/kernels_body.h"
