/* backend.c - the devices by name. */
#include "compute/backend.h"
#include "compute/host.h"

#include <string.h>

struct backend *backend_open(const struct backend_options *o, struct err *e)
{
    const char *device = o->device ? o->device : "cpu";
    if (strcmp(device, "cpu") == 0)
        return cpu_open(o, e);
    if (strcmp(device, "ref") == 0)
        return ref_open(o, e);
    err_set(e, ERR_USAGE, "there is no device %s (expected cpu or ref)", device);
    return NULL;
}

void backend_close(struct backend *b)
{
    if (b)
        b->op->close(b);
}
