// What Swift's Glibc module lacks or makes awkward on Linux. No policy here.
// Every function returns a descriptor or a count, or the negated errno.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Longest path of a Unix socket, without the terminating zero.
#define CLINUX_SOCKET_PATH_MAX 107

// Binds and listens on a stream socket at `path` with permissions `mode`; non-blocking,
// close-on-exec. Nobody can connect before the mode is set.
int clinux_listen(const char *path, int backlog, uint32_t mode);

// Connects to the stream socket at `path`; blocking, close-on-exec.
int clinux_connect(const char *path);

// Takes one waiting connection; non-blocking, close-on-exec.
int clinux_accept(int listener);

struct clinux_peer {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

// Who is at the other end of a connected Unix socket (SO_PEERCRED).
int clinux_peer_of(int socket, struct clinux_peer *peer);

// Sends two buffers one after the other without raising SIGPIPE; may send less than all.
ssize_t clinux_send(int socket, const void *first, size_t first_bytes, const void *second,
                    size_t second_bytes);

// Receives bytes, and up to `most` descriptors that came with them (SCM_RIGHTS; more are closed).
// `count` says how many; they are close-on-exec and the caller's.
ssize_t clinux_receive(int socket, void *buffer, size_t bytes, int *descriptors, int most,
                       int *count);

// Maps `bytes` bytes of another process' memory (memfd) for writing. -EPERM: it could shrink (no
// F_SEAL_SHRINK); -ENODATA: its pages are not there yet; -EINVAL: no memory of that size.
int clinux_map_pool(int descriptor, size_t bytes, void **base);

// Bytes sent on `socket` that its peer has not taken yet; -1 when that cannot be told.
int clinux_unsent(int socket);

// Waits until `socket` is ready for `events` (POLLIN, POLLOUT) or `milliseconds` are over (-1:
// for ever). Returns the events, 0 when the time is over. Restarts after signals.
int clinux_wait(int socket, short events, int milliseconds);

// A file without a name in `folder`: it is gone with its last descriptor, whatever happens.
int clinux_unlinked_file(const char *folder);

// Opens (creating it) and locks a file exclusively; -EWOULDBLOCK when another holds the lock.
int clinux_lock_file(const char *path);

// Blocks SIGTERM and SIGINT (and SIGHUP where it means a reload) for this and all later threads,
// ignores SIGPIPE, and returns a descriptor on which the blocked ones can be waited for. Call
// before starting threads.
int clinux_signal_descriptor(int with_hangup);

// Waits for a signal on that descriptor; returns its number.
int clinux_next_signal(int descriptor);

// Bytes free for unprivileged users on the file system of `descriptor`.
int64_t clinux_free_bytes(int descriptor);

// Monotonic clock in milliseconds and in nanoseconds.
int64_t clinux_milliseconds(void);
int64_t clinux_nanoseconds(void);

// Processor time the calling thread has used, in nanoseconds.
int64_t clinux_thread_nanoseconds(void);

// Gives the calling thread the lowest priority for processor (nice 19) and disk (class idle).
int clinux_run_in_background(void);

// Raises the soft limit of open descriptors to the hard one; returns the limit now in force.
int64_t clinux_raise_descriptor_limit(void);

// Gives the bytes of whole pages in [start, start + bytes) back to the system; they read as zero.
void clinux_release_pages(void *start, size_t bytes);

// Names the calling thread in debuggers and /proc (15 bytes are kept).
void clinux_name_thread(const char *name);

// The current errno.
int clinux_errno(void);
