// What always holds here: everything the running kernel can restrict is restricted; a right that
// an older kernel does not know is left out of its rule set, as the kernel demands.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "csandbox.h"
#include "sandbox_steps.h"

// From the kernel's user interface; Debian 12's headers end at version 2.
struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

struct path_rule {
    uint64_t allowed_access;
    int32_t parent_descriptor;
} __attribute__((packed));

enum {
    CREATE_RULESET = 444,
    ADD_RULE = 445,
    RESTRICT_SELF = 446,
    RULE_PATH_BENEATH = 1,
};
#define VERSION_FLAG 1u
#define RIGHT_EXECUTE (UINT64_C(1) << 0)
#define RIGHT_READ_FILE (UINT64_C(1) << 2)
#define RIGHT_READ_FOLDER (UINT64_C(1) << 3)

int csandbox_landlock_version(void) {
    long version = syscall(CREATE_RULESET, NULL, 0, VERSION_FLAG);
    return version < 0 ? 0 : (int)version;
}

// All rights over files that this version knows: 13 in version 1, refer, truncate, ioctl later.
static uint64_t file_rights(int version) {
    int count = version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13;
    return (UINT64_C(1) << count) - 1;
}

static int add_path(int ruleset, const char *path) {
    int descriptor = open(path, O_PATH | O_CLOEXEC);
    // What is not there cannot be read either.
    if (descriptor < 0) {
        return 0;
    }
    struct stat status;
    struct path_rule rule = {.allowed_access = RIGHT_READ_FILE | RIGHT_EXECUTE,
                             .parent_descriptor = descriptor};
    if (fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) {
        rule.allowed_access |= RIGHT_READ_FOLDER;
    }
    long added = syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0);
    int error = added < 0 ? -errno : 0;
    close(descriptor);
    return error;
}

int sandbox_restrict_paths(const char *const *readable, size_t count) {
    int version = csandbox_landlock_version();
    if (version < 1) {
        return -ENOSYS;
    }
    struct ruleset rules = {.handled_access_fs = file_rights(version),
                            .handled_access_net = version >= 4 ? 3 : 0,
                            .scoped = version >= 6 ? 3 : 0};
    size_t size = version >= 6 ? sizeof rules : version >= 4 ? 16 : 8;
    long ruleset = syscall(CREATE_RULESET, &rules, size, 0);
    if (ruleset < 0) {
        return -errno;
    }
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++) {
        error = add_path((int)ruleset, readable[i]);
    }
    if (error == 0 && syscall(RESTRICT_SELF, (int)ruleset, 0) < 0) {
        error = -errno;
    }
    close((int)ruleset);
    return error;
}

static int set_limit(int resource, uint64_t value) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0) {
        return -errno;
    }
    if (value < limit.rlim_max) {
        limit.rlim_max = value;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

int csandbox_set_limits(uint64_t memory_bytes, uint64_t file_bytes, uint64_t descriptors) {
    int error = set_limit(RLIMIT_DATA, memory_bytes);
    // Address space is larger: libraries, shared slots, and room that allocators only reserve.
    if (error == 0) error = set_limit(RLIMIT_AS, memory_bytes + (UINT64_C(4) << 30));
    if (error == 0) error = set_limit(RLIMIT_FSIZE, file_bytes);
    if (error == 0) error = set_limit(RLIMIT_NOFILE, descriptors);
    if (error == 0) error = set_limit(RLIMIT_CORE, 0);
    if (error == 0) error = set_limit(RLIMIT_MEMLOCK, 0);
    if (error == 0 && prctl(PR_SET_DUMPABLE, 0) < 0) error = -errno;
    return error;
}
