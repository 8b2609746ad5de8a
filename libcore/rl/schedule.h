/* schedule.h - the learning rate as a function of optimizer steps. */
#ifndef RL_SCHEDULE_H
#define RL_SCHEDULE_H

#include <stdint.h>

enum schedule_decay { DECAY_NONE, DECAY_LINEAR, DECAY_COSINE };

struct schedule {
    double peak;      /* after warm-up */
    double floor;     /* where decay ends, as a share of the peak */
    uint64_t warmup;  /* steps: the k-th of them (from 0) has peak (k + 1) / warmup */
    uint64_t horizon; /* the step at which decay ends; the floor stays afterwards */
    enum schedule_decay decay;
};

/* step counts the steps made before this one, those whose gradient was zero included. */
double schedule_rate(const struct schedule *s, uint64_t step);

#endif
