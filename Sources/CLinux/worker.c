// What always holds here: descriptors that arrive are either handed out or closed; a packet that
// does not fit is an error, never a shorter packet.
#define _GNU_SOURCE
#include "clinux_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clinux.h"

int clinux_packet_pair(int sockets[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0 ? -errno : 0;
}

// Whoever waits for an answer looks for it this long before it sleeps: to be woken takes longer than
// a small file does (60 us a call become 32).
enum { SPIN_NANOSECONDS = 30000 };

union descriptor_room {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(CLINUX_PACKET_DESCRIPTORS_MAX * sizeof(int))];
};

int clinux_send_packet(int socket, const void *bytes, size_t length, const int *descriptors,
                       size_t count, int milliseconds) {
    if (count > CLINUX_PACKET_DESCRIPTORS_MAX || length > CLINUX_PACKET_BYTES_MAX) {
        return -EMSGSIZE;
    }
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union descriptor_room room;
    if (count > 0) {
        memset(&room, 0, sizeof room);
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
    }
    for (;;) {
        if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
            return 0;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN) {
            return -errno;
        }
        int ready = clinux_wait(socket, POLLOUT, milliseconds);
        if (ready <= 0) {
            return ready < 0 ? ready : -EAGAIN;
        }
    }
}

// Takes descriptors out of a received message; more than fit cannot arrive.
static size_t take_descriptors(struct msghdr *message, int *descriptors) {
    size_t count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
            if (count < CLINUX_PACKET_DESCRIPTORS_MAX) {
                descriptors[count++] = descriptor;
            } else {
                close(descriptor);
            }
        }
    }
    return count;
}

// Asked of the system once: it reads a file for it.
static int has_several_processors(void) {
    static _Atomic int known;  // 0: not yet, 1: no, 2: yes
    int answer = known;
    if (answer == 0) {
        answer = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1;
        known = answer;
    }
    return answer == 2;
}

ssize_t clinux_receive_packet(int socket, void *bytes, size_t capacity, int *descriptors,
                              size_t *count, int milliseconds) {
    *count = 0;
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    union descriptor_room room;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = sizeof room.bytes};
    ssize_t length;
    int64_t spin_end = milliseconds > 0 && has_several_processors() ? clinux_nanoseconds() + SPIN_NANOSECONDS : 0;
    while ((length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)) < 0) {
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN) {
            return errno == ECONNRESET ? 0 : -errno;
        }
        if (clinux_nanoseconds() < spin_end) {
            continue;
        }
        int ready = clinux_wait(socket, POLLIN, milliseconds);
        if (ready <= 0) {
            return ready < 0 ? ready : -EAGAIN;
        }
    }
    *count = take_descriptors(&message, descriptors);
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (size_t i = 0; i < *count; i++) {
            close(descriptors[i]);
        }
        *count = 0;
        return -EMSGSIZE;
    }
    return length;
}

int clinux_shared_memory(const char *name, size_t bytes) {
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) {
        return -errno;
    }
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    if (ftruncate(descriptor, (off_t)bytes) < 0 || fcntl(descriptor, F_ADD_SEALS, seals) < 0) {
        int error = errno;
        close(descriptor);
        return -error;
    }
    return descriptor;
}

void *clinux_map_guarded(int descriptor, size_t offset, size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *room = mmap(NULL, bytes + 2 * page, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        return NULL;
    }
    void *target = mmap(room + page, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                        descriptor, (off_t)offset);
    if (target == MAP_FAILED) {
        munmap(room, bytes + 2 * page);
        return NULL;
    }
    return target;
}

int clinux_reopen_read_only(int descriptor) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    int copy = open(path, O_RDONLY | O_CLOEXEC);
    return copy < 0 ? -errno : copy;
}

// The kernel's struct sched_attr (sched_setattr(2)); its header cannot be had beside <sched.h>.
struct turns {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns;
    uint64_t deadline_ns;
    uint64_t period_ns;
};

void clinux_run_in_long_turns(void) {
    struct turns attributes = {0};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == 0) {
        attributes.runtime_ns = 50 * 1000 * 1000;
        syscall(SYS_sched_setattr, 0, &attributes, 0);
    }
}

static int add_actions(posix_spawn_file_actions_t *actions, int socket) {
    int error = 0;
    for (int stream = 0; stream < 3 && error == 0; stream++) {
        error = posix_spawn_file_actions_addopen(actions, stream, "/dev/null", O_RDWR, 0);
    }
    // A descriptor that already is 3 would keep its close-on-exec flag, so it never is: callers
    // hand over a duplicate above it.
    return error != 0 ? error : posix_spawn_file_actions_adddup2(actions, socket, 3);
}

int clinux_spawn_worker(const char *path, const char *argument, int socket) {
    int high = fcntl(socket, F_DUPFD_CLOEXEC, 10);
    if (high < 0) {
        return -errno;
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    char *arguments[] = {(char *)path, (char *)argument, NULL};
    char *environment[] = {NULL};
    pid_t process = 0;
    int error = add_actions(&actions, high);
    if (error == 0) {
        error = posix_spawn(&process, path, &actions, &attributes, arguments, environment);
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(high);
    return error != 0 ? -error : process;
}

int clinux_end_child(int process) {
    int status = 0;
    kill(process, SIGKILL);
    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return status;
}

int clinux_become_worker(int parent, int last) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        return -errno;
    }
    if (getppid() != parent) {
        return -ESRCH;
    }
    // A run-time library's handler would start another program to report a crash.
    const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGQUIT, SIGSYS};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
        signal(crashes[i], SIG_DFL);
    }
    // Its parent ends it; what a terminal or systemd sends to all processes of gamd is not for it.
    const int others[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        signal(others[i], SIG_IGN);
    }
    // Memory of one file is kept for the next one: fresh pages cost a small picture 50 us.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    return close_range((unsigned)last + 1, ~0U, 0) < 0 ? -errno : 0;
}

int clinux_open_descriptors(int last) {
    int count = 0;
    for (int descriptor = 3; descriptor <= last; descriptor++) {
        count += fcntl(descriptor, F_GETFD) >= 0;
    }
    return count;
}
