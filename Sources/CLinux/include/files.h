#pragma once
#include <fcntl.h>
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
