/* order.cc - the orders of threads and blocks that emu_order() chooses. */
#include "emu.h"
#include "parts.h"

#include <stdint.h>

static unsigned order;
static uint64_t order_state;

void emu_order(unsigned o)
{
    order = o;
    order_state = o;
}

void permute(unsigned *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        p[i] = order == 1 ? n - 1 - i : i;
    for (unsigned i = n; order > 1 && i > 1; i--) {
        order_state = order_state * 6364136223846793005u + 1442695040888963407u;
        unsigned k = (unsigned)((order_state >> 33) % i), t = p[i - 1];
        p[i - 1] = p[k];
        p[k] = t;
    }
}
