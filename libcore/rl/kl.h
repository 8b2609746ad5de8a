/* kl.h - per-token estimates of KL(policy || reference) (Schulman's k1, k2, k3).
 *
 * With n and e the log-probabilities under the policy and the reference:
 *     k1 = n - e    k2 = (n - e)^2 / 2    k3 = exp(e - n) - (e - n) - 1    abs = |n - e|
 * As verl does, k3 clamps e - n to +-20 and its value to +-10, with derivative 0 outside. */
#ifndef RL_KL_H
#define RL_KL_H

#include <stdbool.h>

enum kl_kind { KL_OFF, KL_K1, KL_K2, KL_K3, KL_ABS };

#define KL_LOG_MAX   20.0
#define KL_VALUE_MAX 10.0

/* The value; *by_n its derivative by n (may be NULL). */
double kl_value(enum kl_kind kind, double n, double e, double *by_n);

#endif
