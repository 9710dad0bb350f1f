#pragma once
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

static inline int swl_mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data) {
    return (int)syscall(SYS_mount, source, target, type, (unsigned long)flags, data);
}
static inline int swl_umount(const char *target, int flags) { return (int)syscall(SYS_umount2, target, flags); }

static const uint64_t swl_ms_rdonly = 1, swl_ms_nosuid = 2, swl_ms_nodev = 4, swl_ms_noexec = 8, swl_ms_remount = 32,
                      swl_ms_bind = 4096, swl_ms_rec = 16384, swl_ms_private = 1 << 18, swl_ms_slave = 1 << 19,
                      swl_ms_shared = 1 << 20;
static const int swl_mnt_detach = 2;

static const uint64_t swl_attr_rdonly = 0x1, swl_attr_nosuid = 0x2, swl_attr_nodev = 0x4, swl_attr_noexec = 0x8,
                      swl_attr_atime_mask = 0x70, swl_attr_relatime = 0x0, swl_attr_noatime = 0x10,
                      swl_attr_strictatime = 0x20, swl_attr_idmap = 0x100000;
static const unsigned swl_at_recursive = 0x8000, swl_at_empty_path = 0x1000;

static inline int swl_open_tree(int dirfd, const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, dirfd, path, flags | 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
}
// Both by descriptor, with empty paths.
static inline int swl_move_mount(int from, int onto) {
    return (int)syscall(SYS_move_mount, from, "", onto, "", 0x4 | 0x40 /* F_EMPTY_PATH | T_EMPTY_PATH */);
}
static inline int swl_fsopen(const char *type) { return (int)syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */); }
static inline int swl_fsconfig_string(int fd, const char *key, const char *value) {
    return (int)syscall(SYS_fsconfig, fd, 1, key, value, 0);
}
static inline int swl_fsconfig_flag(int fd, const char *key) {
    return (int)syscall(SYS_fsconfig, fd, 0, key, NULL, 0);
}
static inline int swl_fsconfig_create(int fd) { return (int)syscall(SYS_fsconfig, fd, 6, NULL, NULL, 0); }
static inline int swl_fsmount(int fd, uint64_t attributes) {
    return (int)syscall(SYS_fsmount, fd, 1 /* FSMOUNT_CLOEXEC */, (unsigned)attributes);
}
// mount_setattr(2); `propagation` is an MS_ flag or 0; `userns` counts with swl_attr_idmap.
static inline int swl_mount_setattr(int fd, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation, int userns) {
    struct {
        uint64_t set, clear, propagation, userns;
    } attributes = {set, clear, propagation, (uint64_t)userns};
    return (int)syscall(SYS_mount_setattr, fd, "", flags | swl_at_empty_path, &attributes, sizeof attributes);
}
static inline int swl_pivot_root(const char *root, const char *old) {
    return (int)syscall(SYS_pivot_root, root, old);
}

// The type of the file system a descriptor is on (<linux/magic.h>), or -1.
static inline int64_t swl_filesystem_magic(int fd) {
    struct statfs info;
    if (fstatfs(fd, &info) < 0) return -1;
    return (int64_t)(uint64_t)(unsigned long)info.f_type;
}
static const int64_t swl_proc_magic = PROC_SUPER_MAGIC, swl_devpts_magic = DEVPTS_SUPER_MAGIC,
                     swl_cgroup2_magic = CGROUP2_SUPER_MAGIC, swl_overlay_magic = OVERLAYFS_SUPER_MAGIC,
                     swl_tmpfs_magic = TMPFS_MAGIC, swl_sysfs_magic = SYSFS_MAGIC;

static inline uint64_t swl_makedev(unsigned major_number, unsigned minor_number) {
    return makedev(major_number, minor_number);
}
static inline unsigned swl_major(uint64_t device) { return major(device); }
static inline unsigned swl_minor(uint64_t device) { return minor(device); }
