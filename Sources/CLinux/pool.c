// Descriptors that come over a socket, what a peer has taken of it, and memory of another process
// mapped for writing.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clinux.h"

ssize_t clinux_receive(int socket, void *buffer, size_t bytes, int *descriptors, int most,
                       int *count) {
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = buffer, .iov_len = bytes};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    *count = 0;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return -errno;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL;
         head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        size_t held = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < held; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(head) + i * sizeof(int), sizeof descriptor);
            if (*count < most)
                descriptors[(*count)++] = descriptor;
            else
                close(descriptor);
        }
    }
    return received;
}

int clinux_unsent(int socket) {
    int bytes = 0;
    return ioctl(socket, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

int clinux_map_pool(int descriptor, size_t bytes, void **base) {
    struct stat file;
    if (fstat(descriptor, &file) != 0) return -errno;
    if (!S_ISREG(file.st_mode) || file.st_size < 0 || (size_t)file.st_size < bytes) return -EINVAL;
    int seals = fcntl(descriptor, F_GET_SEALS);
    if (seals < 0) return -EINVAL;
    if ((seals & F_SEAL_SHRINK) == 0) return -EPERM;
    if ((uint64_t)file.st_blocks * 512 < bytes) return -ENODATA;
    void *mapped = mmap(NULL, bytes, PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (mapped == MAP_FAILED) return -errno;
    *base = mapped;
    return 0;
}
