#pragma once
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// openat2(2): glibc has no wrapper.
static inline int swl_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

// fcntl(2) and ioctl(2) are variadic, which Swift cannot call.
static inline int swl_fcntl(int fd, int command, long argument) { return fcntl(fd, command, argument); }
static inline int swl_open(const char *path, int flags) { return open(path, flags); }
// Beyond POSIX, so not without _GNU_SOURCE.
static const int swl_o_path = 010000000;
static inline int swl_pipe2(int *ends, int flags) { return (int)syscall(SYS_pipe2, ends, flags); }
static inline int swl_memfd_create(const char *name) {
    return (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}
static inline int swl_eventfd(void) { return (int)syscall(SYS_eventfd2, 0, O_CLOEXEC | O_NONBLOCK); }
static inline int swl_dup3(int from, int to, int flags) { return (int)syscall(SYS_dup3, from, to, flags); }
