/* emu.h - what tests can ask of the emulated GPU. */
#ifndef CUDA_EMU_EMU_H
#define CUDA_EMU_EMU_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The order of threads between barriers and of blocks.  0: rising, 1: falling, else a seed of
 * an order drawn anew every time. */
void emu_order(unsigned order);

unsigned long long emu_launches(void); /* kernels run so far */
unsigned long long emu_graphs(void);   /* graphs launched so far */
void emu_refuse_graphs(int at);   /* 0: they work; refused at 1 the begin, 2 the end, 3 the making,
                                   4 the end if a kernel begins early */
void emu_hide_devices(bool hide); /* as on a machine without a GPU */
void emu_shared_most(size_t bytes);      /* that a block may ask for, of devices opened later */
void emu_lt_refuse(bool refuse);         /* the library has no algorithm for any product */
unsigned long long emu_lt_refused(void); /* products for which it had none */

#ifdef __cplusplus
}
#endif

#endif
