/* entropy.h - Shannon entropy of a softmax, in nats: the meaning of `entropy` everywhere. */
#ifndef RL_ENTROPY_H
#define RL_ENTROPY_H

#include <stddef.h>

/* H = logsumexp(z) - sum softmax(z) z; dz (may be NULL): dH/dz_j = -p_j (log p_j + H). */
double entropy_of_logits(const double *z, size_t n, double *dz);

#endif
