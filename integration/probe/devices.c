// What the process may do with devices: for each number, make a node and open it, for reading and for writing. And what
// lies in /dev, and what it is.
#define _GNU_SOURCE
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// None of them does anything when it is opened.
static const struct {
    const char *name;
    mode_t kind;
    int major, minor;
} devices[] = {
    {"mem", S_IFCHR, 1, 1}, {"null", S_IFCHR, 1, 3}, {"port", S_IFCHR, 1, 4},
    {"zero", S_IFCHR, 1, 5}, {"full", S_IFCHR, 1, 7}, {"random", S_IFCHR, 1, 8},
    {"urandom", S_IFCHR, 1, 9}, {"kmsg", S_IFCHR, 1, 11}, {"tty", S_IFCHR, 5, 0},
    {"console", S_IFCHR, 5, 1}, {"ptmx", S_IFCHR, 5, 2}, {"misc", S_IFCHR, 10, 1},
    {"tun", S_IFCHR, 10, 200}, {"fuse", S_IFCHR, 10, 229}, {"kvm", S_IFCHR, 10, 232},
    {"loop-control", S_IFCHR, 10, 237}, {"loop0", S_IFBLK, 7, 0}, {"sda", S_IFBLK, 8, 0},
    {"vda", S_IFBLK, 254, 0}, {"ubda", S_IFBLK, 98, 0},
};

static const char *tried(const char *path, int flags) {
    int file = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0) return error_name(errno);
    close(file);
    return "ok";
}

static void show_access(void) {
    open_object("devices"); // make, read, write
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        const char *path = "/dev/.probe";
        unlink(path);
        open_list(devices[i].name);
        if (mknod(path, devices[i].kind | 0600, makedev(devices[i].major, devices[i].minor)) == 0) {
            put_text(NULL, "ok");
            put_text(NULL, tried(path, O_RDONLY));
            put_text(NULL, tried(path, O_WRONLY));
            unlink(path);
        } else {
            put_text(NULL, error_name(errno));
        }
        close_list();
    }
    close_object();
}

static void show_folder(void) {
    open_object("dev");
    DIR *folder = opendir("/dev");
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        char path[300], text[4200], target[4096];
        struct stat info;
        snprintf(path, sizeof path, "/dev/%s", entry->d_name);
        if (entry->d_name[0] == '.' || lstat(path, &info) < 0) continue;
        if (S_ISLNK(info.st_mode)) {
            ssize_t length = readlink(path, target, sizeof target - 1);
            target[length < 0 ? 0 : length] = 0;
            snprintf(text, sizeof text, "link %s", target);
        } else if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) {
            snprintf(text, sizeof text, "%s %u:%u %o %u:%u", S_ISCHR(info.st_mode) ? "character" : "block",
                     major(info.st_rdev), minor(info.st_rdev), info.st_mode & 07777, info.st_uid, info.st_gid);
        } else {
            snprintf(text, sizeof text, "%s", S_ISDIR(info.st_mode) ? "directory" : "file");
        }
        put_text(entry->d_name, text);
    }
    if (folder) closedir(folder);
    close_object();
}

void show_devices(void) {
    show_folder();
    show_access();
}
