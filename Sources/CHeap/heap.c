#include "cheap.h"

#include <jemalloc/jemalloc.h>
#include <stddef.h>

// jemalloc reads this before main; the environment's MALLOC_CONF comes after it. docs/measurements.md
// has the figures.
//
// Four arenas for all threads: what one thread has freed, another one can use. Pages that nothing lies
// in go back to the system within a second, by threads of jemalloc's own. Every connection has a
// thread: what a resting one may keep of freed blocks is bounded.
const char *malloc_conf =
    "narenas:4,background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,"
    "tcache_nslots_small_max:20,tcache_nslots_large:4";

static uint64_t figure(const char *name) {
    size_t value = 0;
    size_t size = sizeof value;
    return mallctl(name, &value, &size, NULL, 0) == 0 ? value : 0;
}

void cheap_bytes(uint64_t *used, uint64_t *free_bytes) {
    uint64_t epoch = 1;
    mallctl("epoch", NULL, NULL, &epoch, sizeof epoch);
    *used = figure("stats.allocated");
    uint64_t resident = figure("stats.resident");
    *free_bytes = resident > *used ? resident - *used : 0;
}
