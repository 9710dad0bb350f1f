#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

// Flags of clone3(2) as one type: as macros some are int, some unsigned long long, some are not imported.
static const uint64_t swl_clone_vm = CLONE_VM, swl_clone_vfork = CLONE_VFORK, swl_clone_pidfd = CLONE_PIDFD,
                      swl_clone_into_cgroup = CLONE_INTO_CGROUP, swl_clone_clear_sighand = CLONE_CLEAR_SIGHAND;
static const uint64_t swl_clone_newns = CLONE_NEWNS, swl_clone_newpid = CLONE_NEWPID, swl_clone_newnet = CLONE_NEWNET,
                      swl_clone_newipc = CLONE_NEWIPC, swl_clone_newuts = CLONE_NEWUTS,
                      swl_clone_newcgroup = CLONE_NEWCGROUP, swl_clone_newuser = CLONE_NEWUSER;

// fork(2) with clone3's flags, from a process with one thread: 0 in the child.
static inline int swl_clone3_fork(uint64_t flags, int *pidfd, int cgroup) {
    struct clone_args args = {.flags = flags, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD};
    if (flags & CLONE_INTO_CGROUP) args.cgroup = (uint64_t)cgroup;
    return (int)syscall(SYS_clone3, &args, sizeof args);
}

// As above, a child of the caller's own parent; its exit signal is the caller's.
static inline int swl_clone3_sibling(uint64_t flags, int *pidfd) {
    struct clone_args args = {.flags = flags | CLONE_PARENT, .pidfd = (uint64_t)(uintptr_t)pidfd};
    return (int)syscall(SYS_clone3, &args, sizeof args);
}

// What a program is started with; see spawn.c.
struct swl_spawn {
    // -1 for the program that lies at `path`.
    int executable;
    const char *path;
    const char *const *arguments;
    const char *const *environment;
    // Becomes the descriptors 0, 1, 2, …; every other one is closed.
    const int *descriptors;
    int descriptor_count;
    // A cgroup v2 directory, or -1.
    int cgroup;
    // Soft RLIMIT_NOFILE; 0 leaves it.
    uint64_t descriptor_limit;
};
// The child's pid, its pidfd in *pidfd; or a negative errno.
int swl_spawn(const struct swl_spawn *request, int *pidfd);

// A child that shares the caller's memory and descriptors, does nothing and waits to be killed, for the new namespaces that
// `flags` ask for. It ends with the calling thread. `stack` must stay until it was reaped. Its pid, its pidfd in *pidfd; or a negative errno.
int swl_clone_idle(uint64_t flags, void *stack, size_t stack_size, int *pidfd);

static inline int swl_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
static inline int swl_pidfd_send_signal(int pidfd, int number) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
}

// waitid(2) on a pidfd: 1 ended, 0 not yet, -1 errno. `status` is the exit code or the signal, as `code` (CLD_*) says.
static inline int swl_wait_pidfd(int pidfd, int options, int *code, int *status) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | options) < 0) return -1;
    if (info.si_pid == 0) return 0;
    *code = info.si_code;
    *status = info.si_status;
    return 1;
}
static const int swl_cld_exited = CLD_EXITED, swl_wnohang = WNOHANG;

static inline int swl_close_range(unsigned first, unsigned last, int flags) {
    return (int)syscall(SYS_close_range, first, last, flags);
}
static const int swl_close_range_cloexec = 4;

static inline int swl_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return prctl(option, a, b, c, d);
}
// personality(2) back to Linux's own, without the flags that make a program's memory easier to guess.
static inline int swl_reset_personality(void) { return (int)syscall(SYS_personality, 0UL); }
static inline int swl_set_process_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

// Default disposition; true of a few signals only that the process ignored.
static inline int swl_signal_default(int number) { return signal(number, SIG_DFL) == SIG_ERR ? -1 : 0; }
static inline int swl_signal_ignore(int number) { return signal(number, SIG_IGN) == SIG_ERR ? -1 : 0; }
static inline int swl_unblock_all_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

static const int swl_rlimit_nofile = RLIMIT_NOFILE;
// Soft, hard.
static inline int swl_descriptor_limits(uint64_t *limits) {
    return (int)syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, limits);
}
static inline int swl_setrlimit(int resource, uint64_t soft, uint64_t hard) {
    uint64_t limit[2] = {soft, hard};
    return (int)syscall(SYS_prlimit64, 0, resource, limit, NULL);
}

// Raw: glibc's own wrappers are for every thread, this process has one; setgroups before them.
static inline int swl_setresuid(uint32_t id) { return (int)syscall(SYS_setresuid, id, id, id); }
static inline int swl_setresgid(uint32_t id) { return (int)syscall(SYS_setresgid, id, id, id); }

// A session keyring of its own. ENOSYS where the kernel has no keys.
static inline int swl_join_new_session_keyring(void) {
    return (int)syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL, 0, 0, 0);
}

// seccomp(2), SECCOMP_SET_MODE_FILTER. `program` is an array of struct sock_filter.
static inline int swl_seccomp_load(const void *program, unsigned short instructions) {
    struct sock_fprog filter = {.len = instructions, .filter = (struct sock_filter *)program};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}
static const int swl_sock_filter_size = sizeof(struct sock_filter);

static inline int swl_execveat(int fd, const char *path, char *const *argv, char *const *env, int flags) {
    return (int)syscall(SYS_execveat, fd, path, argv, env, flags);
}

static inline int swl_unshare(uint64_t flags) { return (int)syscall(SYS_unshare, (unsigned long)flags); }
static inline int swl_setns(int fd, uint64_t flags) { return (int)syscall(SYS_setns, fd, (int)flags); }
static inline int swl_execve(const char *path, const char *const *arguments, const char *const *environment) {
    return (int)syscall(SYS_execve, path, arguments, environment);
}

// malloc(3): allocations from this size on are mappings of their own, which free(3) gives back at once.
static inline void swl_return_free_memory(void) { malloc_trim(0); }
static inline void swl_map_allocations_from(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }
