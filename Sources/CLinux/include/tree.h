#pragma once
// File system calls relative to a directory. Names are bytes, not text, so they come as void pointers to
// NUL-terminated strings.
#include "files.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static const int swl_at_no_follow = AT_SYMLINK_NOFOLLOW, swl_at_removedir = AT_REMOVEDIR;

static inline int swl_openat(int dir, const void *name, int flags, unsigned mode) {
    return openat(dir, (const char *)name, flags, mode);
}
static inline int swl_openat2_bytes(int dir, const void *name, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags, .resolve = resolve};
    return (int)syscall(SYS_openat2, dir, (const char *)name, &how, sizeof how);
}
static inline int swl_mkdirat(int dir, const void *name, unsigned mode) { return mkdirat(dir, (const char *)name, mode); }
static inline int swl_symlinkat(const void *target, int dir, const void *name) {
    return symlinkat((const char *)target, dir, (const char *)name);
}
static inline int swl_linkat(int from, const void *target, int dir, const void *name) {
    return linkat(from, (const char *)target, dir, (const char *)name, 0);
}
static inline int swl_mknodat(int dir, const void *name, unsigned mode, uint64_t device) {
    return (int)syscall(SYS_mknodat, dir, (const char *)name, mode, (unsigned)device);
}
static inline int swl_unlinkat(int dir, const void *name, int flags) { return unlinkat(dir, (const char *)name, flags); }
static inline int swl_renameat(int from, const void *name, int to, const void *new_name) {
    return renameat(from, (const char *)name, to, (const char *)new_name);
}
static inline int swl_fstatat(int dir, const void *name, struct stat *status) {
    return fstatat(dir, (const char *)name, status, AT_SYMLINK_NOFOLLOW);
}
static inline ssize_t swl_readlinkat(int dir, const void *name, void *buffer, size_t size) {
    return readlinkat(dir, (const char *)name, (char *)buffer, size);
}
static inline int swl_lchownat(int dir, const void *name, unsigned uid, unsigned gid) {
    return fchownat(dir, (const char *)name, uid, gid, AT_SYMLINK_NOFOLLOW);
}
static inline int swl_chmodat(int dir, const void *name, unsigned mode) {
    return fchmodat(dir, (const char *)name, mode, 0);
}
// Modification and access time.
static inline int swl_lutimesat(int dir, const void *name, int64_t seconds, long nanoseconds) {
    struct timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    return utimensat(dir, (const char *)name, times, AT_SYMLINK_NOFOLLOW);
}
static inline int swl_futimes(int fd, int64_t seconds, long nanoseconds) {
    struct timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    return futimens(fd, times);
}
static inline int swl_fsetxattr(int fd, const void *name, const void *value, size_t size) {
    return fsetxattr(fd, (const char *)name, value, size, 0);
}
static inline int swl_fremovexattr(int fd, const void *name) { return fremovexattr(fd, (const char *)name); }
static inline ssize_t swl_fgetxattr(int fd, const void *name, void *value, size_t size) {
    return fgetxattr(fd, (const char *)name, value, size);
}
static inline ssize_t swl_flistxattr(int fd, void *list, size_t size) { return flistxattr(fd, (char *)list, size); }
static inline int swl_lsetxattr(const void *path, const void *name, const void *value, size_t size) {
    return lsetxattr((const char *)path, (const char *)name, value, size, 0);
}
static inline ssize_t swl_lgetxattr(const void *path, const void *name, void *value, size_t size) {
    return lgetxattr((const char *)path, (const char *)name, value, size);
}
static inline ssize_t swl_llistxattr(const void *path, void *list, size_t size) {
    return llistxattr((const char *)path, (char *)list, size);
}
static inline int swl_syncfs(int fd) { return (int)syscall(SYS_syncfs, fd); }
// The same place in both.
static inline ssize_t swl_copy_file_range(int from, int to, int64_t offset, size_t count) {
    int64_t source = offset, target = offset;
    return (ssize_t)syscall(SYS_copy_file_range, from, &source, to, &target, count, 0);
}
// Beyond POSIX, so not without _GNU_SOURCE.
static const int swl_seek_data = 3, swl_seek_hole = 4;
// Share the data of `from` copy-on-write.
static inline int swl_clone_file(int from, int to) { return ioctl(to, FICLONE, from); }
static inline int swl_lock_exclusive(int fd) { return flock(fd, LOCK_EX | LOCK_NB); }
static inline ssize_t swl_getdents(int fd, void *buffer, size_t size) {
    return (ssize_t)syscall(SYS_getdents64, fd, buffer, size);
}
