// Starting a program from a process with many threads and much memory. The child borrows the parent's memory until exec
// (CLONE_VM|CLONE_VFORK), so no Swift may run in it, and glibc exports no clone3: this is the one piece of logic in C.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CLinux.h"

// The kernel's struct sigaction, for the raw call: glibc's takes locks that another thread may hold.
struct kernel_sigaction {
    void *handler;
    unsigned long flags;
    void *restorer;
    unsigned long mask[2];
};

struct child {
    const struct swl_spawn *request;
    int error;
};

static int raw_error(long result) { return result < 0 ? errno : 0; }

static int arrange_descriptors(const struct swl_spawn *request, int *executable) {
    int count = request->descriptor_count;
    // First all out of the way, so that no target number is still a source.
    int moved[16];
    int total = count + (request->executable >= 0);
    if (count > 15) return EINVAL;
    for (int i = 0; i < total; i++) {
        int source = i < count ? request->descriptors[i] : request->executable;
        long result = syscall(SYS_fcntl, source, F_DUPFD_CLOEXEC, 64);
        if (result < 0) return errno;
        moved[i] = (int)result;
    }
    for (int i = 0; i < total; i++)
        if (syscall(SYS_dup3, moved[i], i, i < count ? 0 : O_CLOEXEC) < 0) return errno;
    *executable = count;
    return raw_error(syscall(SYS_close_range, total, ~0U, 0));
}

static int start(const struct swl_spawn *request) {
    struct kernel_sigaction standard = {0};
    for (int number = 1; number <= 64; number++)
        if (number != SIGKILL && number != SIGSTOP) syscall(SYS_rt_sigaction, number, &standard, NULL, 8);
    int executable, error = arrange_descriptors(request, &executable);
    if (error) return error;
    if (syscall(SYS_setsid) < 0) return errno;
    unsigned long limits[2];
    if (request->descriptor_limit && syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, limits) == 0) {
        limits[0] = request->descriptor_limit;
        syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, limits, NULL);
    }
    unsigned long none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
    if (request->executable >= 0)
        syscall(SYS_execveat, executable, "", request->arguments, request->environment, AT_EMPTY_PATH);
    else
        syscall(SYS_execve, request->path, request->arguments, request->environment);
    return errno;
}

static void child_main(void *argument) {
    struct child *child = argument;
    child->error = start(child->request);
    for (;;) syscall(SYS_exit, 127);
}

static void idle_main(void *argument) {
    syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // Orphaned before that: nobody will kill it.
    while (syscall(SYS_getppid) == *(const long *)argument) syscall(SYS_pause);
    for (;;) syscall(SYS_exit, 0);
}

static long clone3_call(struct clone_args *args, void (*child_main)(void *), void *child) {
    long result;
#if defined(__x86_64__)
    __asm__ volatile(
        "syscall\n\t"
        "test %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "xor %%ebp, %%ebp\n\t"
        "mov %[child], %%rdi\n\t"
        "call *%[entry]\n\t"
        "hlt\n"
        "1:"
        : "=a"(result)
        : "a"((long)SYS_clone3), "D"(args), "S"(sizeof *args), [child] "r"(child), [entry] "r"(child_main)
        : "rcx", "r11", "memory", "cc");
#elif defined(__aarch64__)
    register long number __asm__("x8") = SYS_clone3;
    register long x0 __asm__("x0") = (long)args;
    register long x1 __asm__("x1") = sizeof *args;
    __asm__ volatile(
        "svc #0\n\t"
        "cbnz x0, 1f\n\t"
        "mov x29, #0\n\t"
        "mov x0, %[child]\n\t"
        "blr %[entry]\n\t"
        "brk #1\n"
        "1:"
        : "+r"(x0)
        : "r"(number), "r"(x1), [child] "r"(child), [entry] "r"(child_main)
        : "memory", "cc");
    result = x0;
#else
#error "clone3 is written for x86_64 and aarch64"
#endif
    return result;
}

int swl_spawn(const struct swl_spawn *request, int *pidfd) {
    _Alignas(16) char stack[16384];
    struct child child = {.request = request};
    struct clone_args args = {
        .flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)stack,
        .stack_size = sizeof stack,
    };
    if (request->cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)request->cgroup;
    }
    // No handler of the parent may run on the child's side.
    unsigned long all = ~0UL, before;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, 8);
    long pid = clone3_call(&args, child_main, &child);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
    if (pid < 0) return (int)pid;
    if (child.error) {
        int code, status;
        swl_wait_pidfd(*pidfd, 0, &code, &status);
        close(*pidfd);
        return -child.error;
    }
    return (int)pid;
}

int swl_clone_idle(uint64_t flags, void *stack, size_t stack_size, int *pidfd) {
    struct clone_args args = {
        // The descriptors are shared, not copied: a copy would keep files open, and their locks, that the caller closes.
        .flags = flags | CLONE_VM | CLONE_FILES | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)stack,
        .stack_size = stack_size - 16,
    };
    // At the far end of its stack, where it stays as long as the child.
    long *parent = (long *)((char *)stack + args.stack_size);
    *parent = syscall(SYS_getpid);
    // It inherits the mask, and so sleeps until it is killed.
    unsigned long all = ~0UL, before;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, 8);
    long pid = clone3_call(&args, idle_main, parent);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
    return (int)pid;
}
