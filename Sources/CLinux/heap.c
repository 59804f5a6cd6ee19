#define _GNU_SOURCE
#include "clinux_heap.h"

#include <malloc.h>
#include <unistd.h>

void clinux_keep_heap_small(void) {
    mallopt(M_MMAP_THRESHOLD, 2 << 20);
    mallopt(M_TRIM_THRESHOLD, 2 << 20);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    mallopt(M_ARENA_MAX, processors > 2 ? (int)(2 * processors) : 4);
}

void clinux_trim_heap(void) { malloc_trim(0); }

void clinux_heap_bytes(uint64_t *used, uint64_t *free_bytes) {
    struct mallinfo2 info = mallinfo2();
    *used = info.uordblks + info.hblkhd;
    *free_bytes = info.fordblks;
}
