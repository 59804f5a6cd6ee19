/*
 * Runs a program on a kernel that seems to have no Landlock: its first call is answered ENOSYS, for
 * this process and all it starts.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

int main(int count, char **arguments) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (count < 2 || filter == NULL) return 2;
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0) < 0 ||
        seccomp_load(filter) < 0)
        return 2;
    seccomp_release(filter);
    execv(arguments[1], arguments + 1);
    perror(arguments[1]);
    return 2;
}
