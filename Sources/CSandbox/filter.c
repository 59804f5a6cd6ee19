// What always holds here: the filter of work is a part of the filter of loading; both refuse what
// they do not name.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "csandbox.h"
#include "sandbox_steps.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

// Memory, waiting, time, signals of its own, and I/O on descriptors that are open already.
static const int computing[] = {
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64),
    SCMP_SYS(pwrite64), SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(lseek), SCMP_SYS(fstat),
    SCMP_SYS(close), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
    SCMP_SYS(futex_waitv), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq),
    SCMP_SYS(membarrier), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getpid),
    SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
    SCMP_SYS(getegid), SCMP_SYS(getcpu), SCMP_SYS(getrandom), SCMP_SYS(getrusage),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(sysinfo), SCMP_SYS(uname),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(set_tid_address),
};

// Also needed until the plugin is loaded and the second step is taken.
static const int loading[] = {
    SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(statx),
    SCMP_SYS(getcwd), SCMP_SYS(arch_prctl), SCMP_SYS(seccomp), SCMP_SYS(prctl),
    SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_restrict_self), SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
};

// Libraries try these for reasons of their own and live with a refusal.
static const int refused[] = {
    SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(open), SCMP_SYS(creat), SCMP_SYS(newfstatat),
    SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
    SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(link), SCMP_SYS(linkat),
    SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(chmod), SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat), SCMP_SYS(chown), SCMP_SYS(fchown), SCMP_SYS(fchownat),
    SCMP_SYS(truncate), SCMP_SYS(chdir), SCMP_SYS(fchdir), SCMP_SYS(getcwd), SCMP_SYS(statfs),
};

// What no honest adapter does: the network, other processes, the system.
static const int deadly[] = {
    SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen),
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(sendto), SCMP_SYS(sendmmsg), SCMP_SYS(fork),
    SCMP_SYS(vfork), SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(kill), SCMP_SYS(tkill),
    SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_send_signal), SCMP_SYS(mount),
    SCMP_SYS(umount2), SCMP_SYS(chroot), SCMP_SYS(pivot_root), SCMP_SYS(unshare),
    SCMP_SYS(setns), SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setresuid),
    SCMP_SYS(setresgid), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(init_module),
    SCMP_SYS(finit_module), SCMP_SYS(kexec_load), SCMP_SYS(reboot), SCMP_SYS(dup),
    SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(shmget), SCMP_SYS(msgget), SCMP_SYS(semget),
};

// Rules for calls that this processor does not have are passed over.
static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int status = seccomp_rule_add(filter, action, calls[i], 0);
        if (status < 0 && status != -EDOM && status != -EOPNOTSUPP) {
            return status;
        }
    }
    return 0;
}

// A library is loaded by reading: nothing is written or made, even where Landlock is missing.
static int add_reading(scmp_filter_ctx filter) {
    const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
    int status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, writing, O_RDONLY));
    if (status == 0) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
                                  SCMP_A1(SCMP_CMP_MASKED_EQ, writing, O_RDONLY));
    }
    return status == -EDOM || status == -EOPNOTSUPP ? 0 : status;
}

// Threads yes, processes no; a signal only to itself (abort), no descriptor that sends signals to its
// owner (F_SETOWN); limits are read, not set; no code made at run time.
static int add_conditional(scmp_filter_ctx filter, int is_working) {
    int status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (status == 0) {
        status = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    }
    if (status == 0) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    }
    if (status == 0) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                                  SCMP_A2(SCMP_CMP_EQ, 0));
    }
    const int questions[] = {F_GETFD, F_GETFL, F_SETFD};
    for (size_t i = 0; i < COUNT(questions) && status == 0; i++) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)questions[i]));
    }
    if (status < 0) return status;
    if (!is_working) return add_reading(filter);
    const int mapping[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    for (size_t i = 0; i < COUNT(mapping) && status == 0; i++) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, mapping[i], 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
    return status;
}

static int load_filter(int is_working) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL) {
        return -ENOMEM;
    }
    int status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    // A binary tree: the cost of a call does not grow with the list.
    if (status == 0) status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (status == 0) status = add_all(filter, SCMP_ACT_ALLOW, computing, COUNT(computing));
    if (status == 0) status = add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT(deadly));
    if (status == 0) status = add_conditional(filter, is_working);
    if (status == 0) {
        status = is_working
                     ? add_all(filter, SCMP_ACT_ERRNO(EACCES), refused, COUNT(refused))
                     : add_all(filter, SCMP_ACT_ALLOW, loading, COUNT(loading));
    }
    if (status == 0) status = seccomp_load(filter);
    seccomp_release(filter);
    return status;
}

int csandbox_while_loading(const char *const *readable, size_t count, int landlock) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -errno;
    }
    if (landlock) {
        int status = sandbox_restrict_paths(readable, count);
        if (status < 0) return status;
    }
    return load_filter(0);
}

// What the plugin's constructors did comes first: the parent's death ends the worker again, and the
// wall is tried before it is believed.
int csandbox_while_working(int landlock) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        return -errno;
    }
    if (landlock) {
        int status = sandbox_restrict_paths(NULL, 0);
        if (status < 0) return status;
    }
    int status = load_filter(1);
    if (status < 0) return status;
    return open("/", O_PATH | O_CLOEXEC) >= 0 || errno != EACCES ? -EPERM : 0;
}
