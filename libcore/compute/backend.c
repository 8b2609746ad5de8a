/* backend.c - the devices by name. */
#include "compute/backend.h"
#include "compute/ops.h"
#include "compute/ref/ref.h"

#include <string.h>

struct backend *backend_open(const struct backend_options *o, struct err *e)
{
    const char *device = o->device ? o->device : "ref";
    if (strcmp(device, "ref") == 0)
        return ref_open(o, e);
    err_set(e, ERR_USAGE, "there is no device %s (expected ref)", device);
    return NULL;
}

void backend_close(struct backend *b)
{
    if (b)
        b->op->close(b);
}
