// Cgroup file systems that can be written to: a release_agent is run by the kernel as the host's root (CVE-2022-0492).
// Nothing is written: that it could be is enough.
#define _GNU_SOURCE
#include "attack.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void try_to_open(const char *name, const char *path) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    put_result(name, file);
    if (file >= 0) close(file);
}

static void try_to_mount(const char *how) {
    char name[64];
    const char *place = "/tmp/cgroups";
    mkdir(place, 0755);
    // A hierarchy of its own, which goes when it is unmounted.
    snprintf(name, sizeof name, "%s mount v1", how);
    int result = mount("none", place, "cgroup", 0, "none,name=swiftlet-attack");
    put_result(name, result);
    if (result == 0) {
        snprintf(name, sizeof name, "%s release_agent", how);
        try_to_open(name, "/tmp/cgroups/release_agent");
        umount2(place, MNT_DETACH);
    }
    snprintf(name, sizeof name, "%s mount v2", how);
    result = mount("none", place, "cgroup2", 0, NULL);
    put_result(name, result);
    if (result == 0) {
        snprintf(name, sizeof name, "%s cgroup.procs", how);
        try_to_open(name, "/tmp/cgroups/cgroup.procs");
        umount2(place, MNT_DETACH);
    }
    rmdir(place);
}

void attack_cgroups(void) {
    try_to_open("cgroup.procs", "/sys/fs/cgroup/cgroup.procs");
    try_to_open("subtree_control", "/sys/fs/cgroup/cgroup.subtree_control");
    put_result("mkdir", mkdir("/sys/fs/cgroup/attack", 0755));
    rmdir("/sys/fs/cgroup/attack");
    put_result("remount", mount(NULL, "/sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND, NULL));
    // In a child: what it enters it does not come back from.
    for (int as_user = 0; as_user < 2; as_user++) {
        pid_t child = fork();
        if (child == 0) {
            int flags = CLONE_NEWNS | (as_user ? CLONE_NEWUSER | CLONE_NEWCGROUP : 0);
            const char *how = as_user ? "in a user namespace:" : "as it is:";
            char name[64];
            snprintf(name, sizeof name, "%s unshare", how);
            put_result(name, unshare(flags));
            try_to_mount(how);
            _exit(0);
        }
        if (child > 0) waitpid(child, NULL, 0);
    }
    put("done", "cgroups");
}
