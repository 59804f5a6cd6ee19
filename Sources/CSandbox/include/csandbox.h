// The walls around a worker, in two steps: while it loads its plugin it may still read libraries;
// before the first byte of a file arrives it loses every path.
//
// What always holds:
// - A step only takes away. Nothing gives a right back.
// - A call that no honest adapter makes (sockets, processes, tracing ...) ends the process at once;
//   paths are refused with EACCES; everything else that is not on the list with ENOSYS.
// Every function returns 0 or the negated errno.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The kernel's Landlock version, 0 when it has none.
int csandbox_landlock_version(void);

// Limits of the process: private memory, bytes of a file, descriptors. No core dumps.
int csandbox_set_limits(uint64_t memory_bytes, uint64_t file_bytes, uint64_t descriptors);

// No new privileges; with `landlock` only the `count` files and folders of `readable` can be
// opened, for reading; system calls are those of a loading program.
int csandbox_while_loading(const char *const *readable, size_t count, int landlock);

// No path at all, and only the system calls that computing on open descriptors needs.
int csandbox_while_working(int landlock);
