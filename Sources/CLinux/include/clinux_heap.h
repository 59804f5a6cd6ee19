#pragma once

#include <stdint.h>

// The heap of a process that runs for months.

// Makes malloc give blocks of 2 MiB and more back to the system as soon as they are freed (without it
// glibc raises its own limit to 32 MiB and keeps such blocks), and share two arenas a processor, at
// least four, among all threads instead of eight: what one thread has freed, another one can use.
void clinux_keep_heap_small(void);

// Gives whole pages that no block of any arena lies in back to the system.
void clinux_trim_heap(void);

// Bytes of blocks in use, and of freed ones that malloc keeps (given back to the system or not).
void clinux_heap_bytes(uint64_t *used, uint64_t *free_bytes);
