/* parts.h - what the parts of the emulated GPU know of one another. */
#ifndef CUDA_EMU_PARTS_H
#define CUDA_EMU_PARTS_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#else
#define ASAN 0
#endif

void die(const char *what); /* emu.cc */
/* Not a kernel, but in turn with them, and part of a graph: fn(a copy of arg). */
void emu_work(void (*fn)(void *), void *arg, size_t bytes);
bool emu_capturing(void); /* a graph is being recorded */

void emu_open(bool open);     /* memory.cc: what runs on the device may touch its memory; nests */
size_t emu_shared_room(void); /* bytes that a block may ask for */

void emu_fly(const void *from, size_t bytes); /* pinned.cc: the device reads this until ... */
void emu_land(void);                          /* ... it has been waited for */

void permute(unsigned *p, unsigned n); /* order.cc: 0 .. n - 1 in the order that was chosen */
void emu_copies_end(void);             /* copies.cc: a block has ended */

#endif
