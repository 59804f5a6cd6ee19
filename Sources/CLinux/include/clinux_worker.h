// Worker processes: how they are started, how packets and descriptors travel, shared memory that
// its other user cannot shrink. No policy here.
// Every function returns a descriptor, a count or 0, or the negated errno.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Longest packet, and most descriptors in one.
#define CLINUX_PACKET_BYTES_MAX 65536
#define CLINUX_PACKET_DESCRIPTORS_MAX 2

// A connected pair of SEQPACKET sockets, close-on-exec.
int clinux_packet_pair(int sockets[2]);

// Sends one packet with `count` descriptors; never raises SIGPIPE. Waits at most `milliseconds`
// while the peer reads nothing: -EAGAIN.
int clinux_send_packet(int socket, const void *bytes, size_t length, const int *descriptors,
                       size_t count, int milliseconds);

// Receives one packet; 0: the peer is gone. Descriptors arrive close-on-exec, at most
// CLINUX_PACKET_DESCRIPTORS_MAX; `*count` says how many. -EMSGSIZE: the packet did not fit, its
// descriptors are closed. -EAGAIN: nothing came within `milliseconds` (-1: wait for ever).
ssize_t clinux_receive_packet(int socket, void *bytes, size_t capacity, int *descriptors,
                              size_t *count, int milliseconds);

// Shared memory of exactly `bytes`, which nobody can shrink or grow any more.
int clinux_shared_memory(const char *name, size_t bytes);

// Maps `bytes` of it (whole pages) at `offset`, with a page on both sides that faults on access.
// NULL when that is not possible.
void *clinux_map_guarded(int descriptor, size_t offset, size_t bytes);

// The file behind `descriptor` opened once more, only for reading.
int clinux_reopen_read_only(int descriptor);

// Makes the calling thread, and the processes it starts from now on, run in long turns: their share
// of the processor stays what it is, but whoever wakes with a shorter turn runs at once. Kernels
// before 6.12 know no turns of one's own and take no notice.
void clinux_run_in_long_turns(void);

// Starts `path` with the argument `argument`, no environment, /dev/null as standard streams,
// default signals, and `socket` as descriptor 3. Returns the process id.
int clinux_spawn_worker(const char *path, const char *argument, int socket);

// Kills a child and waits for its end. Returns its wait status.
int clinux_end_child(int process);

// In the worker: dies with the thread that started it, keeps no descriptor above `last`.
// -ESRCH when the parent is not `parent` any more.
int clinux_become_worker(int parent, int last);

// How many descriptors from 3 up to `last` are open.
int clinux_open_descriptors(int last);
