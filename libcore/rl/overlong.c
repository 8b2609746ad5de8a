/* overlong.c - the soft penalty. */
#include "rl/overlong.h"

double overlong_penalty(double length, double max, double buffer, double factor)
{
    double over = length - (max - buffer);
    if (over <= 0)
        return 0;
    return over >= buffer ? -factor : -over / buffer * factor;
}
