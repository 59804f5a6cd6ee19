#pragma once

#include <stdint.h>

// The heap of a process that runs for months: jemalloc, set up in heap.c.

// Bytes of blocks in use, and of the rest of the pages that hold them or have just been freed.
// Next to nothing where the program runs with another malloc (LD_PRELOAD, valgrind).
void cheap_bytes(uint64_t *used, uint64_t *free_bytes);
