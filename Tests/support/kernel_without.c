/*
 * kernel_without CALL PROGRAM ARGUMENT...: runs a program on a kernel that seems to lack a system
 * call: it is answered ENOSYS, for this process and all it starts.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

int main(int count, char **arguments) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (count < 3 || filter == NULL) return 2;
    int call = seccomp_syscall_resolve_name(arguments[1]);
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0) < 0 || seccomp_load(filter) < 0)
        return 2;
    seccomp_release(filter);
    execv(arguments[2], arguments + 2);
    perror(arguments[2]);
    return 2;
}
