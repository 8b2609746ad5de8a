/* overlong.h - DAPO's soft penalty for long responses (arXiv 2503.14476, eq. 13). */
#ifndef RL_OVERLONG_H
#define RL_OVERLONG_H

/* Added to the reward: 0 up to max - buffer tokens, then falling in a line to -factor
 * at max, and -factor beyond.  buffer > 0. */
double overlong_penalty(double length, double max, double buffer, double factor);

#endif
