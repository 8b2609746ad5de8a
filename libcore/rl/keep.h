/* keep.h - which groups are worth an update (dynamic sampling). */
#ifndef RL_KEEP_H
#define RL_KEEP_H

#include <stdbool.h>
#include <stddef.h>

/* DAPO: the values differ, or there is a single one.  Compared exactly. */
bool keep_contrast(const double *values, size_t n);

/* OpenRLHF: the mean lies strictly between the bounds. */
bool keep_between(const double *values, size_t n, double low, double high);

#endif
