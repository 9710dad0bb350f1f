// What the process sees of files: mounts, descriptors, working directory, cgroup, and what can be written to.
#define _GNU_SOURCE
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void show_lines(const char *name, const char *path) {
    char line[8192];
    open_list(name);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        put_text(NULL, line);
    }
    if (file) fclose(file);
    close_list();
}

// Whether it is the null device, and then whether it is the one that lies in /dev here.
static const char *null_device(const char *number) {
    char path[300];
    struct stat info, ours;
    snprintf(path, sizeof path, "/proc/self/fd/%s", number);
    if (stat(path, &info) < 0 || !S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3)) return NULL;
    int same = stat("/dev/null", &ours) == 0 && ours.st_dev == info.st_dev && ours.st_ino == info.st_ino;
    return same ? "/dev/null" : "a null device from elsewhere";
}

static void show_descriptors(void) {
    open_object("descriptors");
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        char target[4096], number[16];
        if (entry->d_name[0] == '.') continue;
        snprintf(number, sizeof number, "%d", dirfd(folder));
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (length < 0 || strcmp(entry->d_name, number) == 0) continue;
        target[length] = 0;
        const char *null = null_device(entry->d_name);
        put_text(entry->d_name, null ? null : target);
    }
    if (folder) closedir(folder);
    close_object();
}

static void show_directories(void) {
    char path[4096];
    struct stat root, here;
    ssize_t length = readlink("/proc/self/cwd", path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    put_text("workingDirectory", path);
    put_bool("workingDirectoryOnRoot", stat("/", &root) == 0 && stat(".", &here) == 0 && root.st_dev == here.st_dev);
}

void show_files(void) {
    show_lines("mounts", "/proc/self/mountinfo");
    show_lines("cgroup", "/proc/self/cgroup");
    show_descriptors();
    show_directories();
    int file = open("/sys/fs/cgroup/cgroup.procs", O_WRONLY | O_CLOEXEC);
    put_text("cgroupProcs", file < 0 ? error_name(errno) : "ok");
    if (file >= 0) close(file);
    file = open("/.probe", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    put_text("rootWritable", file < 0 ? error_name(errno) : "ok");
    if (file >= 0) {
        close(file);
        unlink("/.probe");
    }
}

static int entries(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return -1;
    int count = 0;
    while (readdir(folder)) count++;
    closedir(folder);
    return count - 2;
}

// missing, null, empty, folder, file, or the error; and whether it lies on a read-only mount.
void show_place(const char *path) {
    struct stat info;
    struct statvfs volume;
    char text[64];
    const char *kind = "file";
    if (lstat(path, &info) < 0)
        kind = errno == ENOENT ? "missing" : error_name(errno);
    else if (S_ISCHR(info.st_mode))
        kind = info.st_rdev == makedev(1, 3) ? "null" : "device";
    else if (S_ISDIR(info.st_mode))
        kind = entries(path) == 0 ? "empty" : "folder";
    int readonly = statvfs(path, &volume) == 0 && volume.f_flag & ST_RDONLY;
    snprintf(text, sizeof text, "%s%s", kind, readonly ? ", read-only" : "");
    put_text(path, text);
}

void show_sysctl(const char *name) {
    char path[300];
    snprintf(path, sizeof path, "/proc/sys/%s", name);
    for (char *byte = path + 10; *byte; byte++)
        if (*byte == '.') *byte = '/';
    char value[4096];
    snprintf(value, sizeof value, "%s", first_line(path));
    for (char *byte = value; *byte; byte++)
        if (*byte == '\t') *byte = ' ';
    put_text(name, value);
}

// Places that do something when they are opened or looked at, or belong to processes, whose users may write to them.
static int is_skipped(const char *path) {
    static const char *const skipped[] = {
        "/proc/self", "/proc/thread-self", "/proc/sys/fs/binfmt_misc", "/sys/kernel/debug", "/sys/kernel/tracing",
        "/sys/fs/bpf", "/sys/fs/cgroup", "/sys/kernel/security",
    };
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++)
        if (strcmp(path, skipped[i]) == 0) return 1;
    return strncmp(path, "/proc/", 6) == 0 && path[6] >= '0' && path[6] <= '9';
}

static long found;
static const long shown = 100;

static void look_below(const char *path) {
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        char below[4096];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        int length = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (length >= (int)sizeof below || is_skipped(below)) continue;
        if (entry->d_type == DT_DIR) look_below(below);
        struct stat info;
        // Without a bit for writing there is nothing behind it that writes, though root may open it.
        if (entry->d_type != DT_REG || lstat(below, &info) < 0 || !(info.st_mode & 0222)) continue;
        int file = open(below, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
        if (file < 0) continue;
        // Where a null device hides the folder's file, writing is no matter.
        if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && found++ < shown) put_text(NULL, below);
        close(file);
    }
    if (folder) closedir(folder);
}

void show_writable(void) {
    open_list("writable");
    look_below("/proc");
    look_below("/sys");
    close_list();
    put_number("writableCount", found);
}
