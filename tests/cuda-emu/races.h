/* races.h - what a race detector of a GPU would say, where there is none.
 *
 * With RACES=1 kernels are compiled with -fsanitize=thread, whose calls at every access come to races.cc
 * instead of to its own library.  These are faults:
 *   - two accesses to the same two bytes, one of them writing, that nothing orders: by threads of
 *     different blocks of a launch; by threads of one block without __syncthreads() between
 *     them, unless they are of one warp and __syncwarp() is between them.  Shuffles and votes order nothing;
 *   - a read of memory that nobody has written since it was handed out;
 *   - a kernel that begins early and, before it has waited, writes, or reads what a kernel that may
 *     still run has written.
 * Two bytes remember their last write and two of the reads since, so a race of many readers can be missed. */
#ifndef CUDA_EMU_RACES_H
#define CUDA_EMU_RACES_H

#include <stddef.h>

enum races_kind { RACES_READ, RACES_WRITE, RACES_ATOMIC, RACES_EQUAL /* writes of one value */ };

/* The thread that runs, for races.cc (emu.cc).  false: none does. */
struct emu_thread {
    unsigned number, warp_syncs, barriers;
    bool waited;
};
bool emu_thread_now(struct emu_thread *t);

#ifdef EMU_RACES
void races_memory(void *p, void *open,
                  size_t bytes); /* the device's; `open`: as the emulator sees it */
void races_memory_gone(void *p);
void races_unwritten(void *p, size_t bytes);
void races_written(void *open, size_t bytes);    /* not by a kernel */
void races_read(const void *open, size_t bytes); /* nor this */
void races_launch(const void *kernel, bool early);
void races_block(unsigned block, void *shared, size_t bytes);
void races_next_may_begin(bool waited);
void races_access(const void *p, size_t bytes, enum races_kind kind, const void *where);
unsigned races_found(void); /* so far; if any, the program's status will be 1 */
void races_forget(void);    /* they were meant */
#else
static inline void races_memory(void *, void *, size_t)
{
}
static inline void races_memory_gone(void *)
{
}
static inline void races_unwritten(void *, size_t)
{
}
static inline void races_written(void *, size_t)
{
}
static inline void races_read(const void *, size_t)
{
}
static inline void races_launch(const void *, bool)
{
}
static inline void races_block(unsigned, void *, size_t)
{
}
static inline void races_next_may_begin(bool)
{
}
static inline void races_access(const void *, size_t, enum races_kind, const void *)
{
}
#endif

#endif
