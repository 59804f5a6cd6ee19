#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int fail_closing(int descriptor) {
    int error = errno;
    close(descriptor);
    return -error;
}

static int fill_address(const char *path, struct sockaddr_un *address) {
    size_t length = strlen(path);
    if (length == 0 || length > CLINUX_SOCKET_PATH_MAX) {
        return -ENAMETOOLONG;
    }
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    return 0;
}

int clinux_listen(const char *path, int backlog, uint32_t mode) {
    struct sockaddr_un address;
    int status = fill_address(path, &address);
    if (status < 0) {
        return status;
    }
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) {
        return -errno;
    }
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0) {
        return fail_closing(descriptor);
    }
    if (chmod(path, (mode_t)mode) < 0 || listen(descriptor, backlog) < 0) {
        int error = errno;
        unlink(path);
        close(descriptor);
        return -error;
    }
    return descriptor;
}

int clinux_connect(const char *path) {
    struct sockaddr_un address;
    int status = fill_address(path, &address);
    if (status < 0) {
        return status;
    }
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return -errno;
    }
    int result;
    do {
        result = connect(descriptor, (struct sockaddr *)&address, sizeof address);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? fail_closing(descriptor) : descriptor;
}

int clinux_accept(int listener) {
    int descriptor;
    do {
        descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor < 0 ? -errno : descriptor;
}

int clinux_peer_of(int socket, struct clinux_peer *peer) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) {
        return -errno;
    }
    peer->pid = credentials.pid;
    peer->uid = credentials.uid;
    peer->gid = credentials.gid;
    return 0;
}

ssize_t clinux_send(int socket, const void *first, size_t first_bytes, const void *second,
                    size_t second_bytes) {
    struct iovec parts[2] = {
        {.iov_base = (void *)first, .iov_len = first_bytes},
        {.iov_base = (void *)second, .iov_len = second_bytes},
    };
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

int clinux_wait(int socket, short events, int milliseconds) {
    int64_t end = clinux_milliseconds() + milliseconds;
    for (;;) {
        struct pollfd entry = {.fd = socket, .events = events, .revents = 0};
        int count = poll(&entry, 1, milliseconds);
        if (count > 0) {
            return entry.revents;
        }
        if (count == 0) {
            return 0;
        }
        if (errno != EINTR) {
            return -errno;
        }
        if (milliseconds >= 0) {
            int64_t left = end - clinux_milliseconds();
            milliseconds = left > 0 ? (int)left : 0;
        }
    }
}

int clinux_unlinked_file(const char *folder) {
    int descriptor = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0) {
        return descriptor;
    }
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
        return -errno;
    }
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/.spool-XXXXXX", folder);
    if (length < 0 || (size_t)length >= sizeof path) {
        return -ENAMETOOLONG;
    }
    descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor < 0) {
        return -errno;
    }
    return unlink(path) < 0 ? fail_closing(descriptor) : descriptor;
}

int clinux_lock_file(const char *path) {
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return -errno;
    }
    return flock(descriptor, LOCK_EX | LOCK_NB) < 0 ? fail_closing(descriptor) : descriptor;
}

int clinux_signal_descriptor(int with_hangup) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (with_hangup) {
        sigaddset(&set, SIGHUP);
    }
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error != 0) {
        return -error;
    }
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return -errno;
    }
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

int clinux_next_signal(int descriptor) {
    struct signalfd_siginfo information;
    ssize_t count;
    do {
        count = read(descriptor, &information, sizeof information);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return -errno;
    }
    return count == (ssize_t)sizeof information ? (int)information.ssi_signo : -EIO;
}

int64_t clinux_free_bytes(int descriptor) {
    struct statvfs information;
    if (fstatvfs(descriptor, &information) < 0) {
        return -errno;
    }
    return (int64_t)information.f_bavail * (int64_t)information.f_frsize;
}

int64_t clinux_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t nanoseconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clinux_nanoseconds(void) { return nanoseconds_of(CLOCK_MONOTONIC); }

int64_t clinux_thread_nanoseconds(void) { return nanoseconds_of(CLOCK_THREAD_CPUTIME_ID); }

int clinux_run_in_background(void) {
    // Priorities belong to threads on Linux; 0 is the calling one. glibc has no ioprio_set:
    // IOPRIO_WHO_PROCESS is 1, class 3 (idle) sits above bit 13.
    if (setpriority(PRIO_PROCESS, 0, 19) < 0) {
        return -errno;
    }
    return syscall(SYS_ioprio_set, 1, 0, 3 << 13) < 0 ? -errno : 0;
}

int64_t clinux_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return -errno;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            limit = raised;
        }
    }
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

void clinux_release_pages(void *start, size_t bytes) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)start + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)start + bytes) / page * page;
    if (first < end) {
        madvise((void *)first, end - first, MADV_DONTNEED);
    }
}

void clinux_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int clinux_errno(void) { return errno; }
