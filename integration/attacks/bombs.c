// Takes much of something, up to a number: what it got is what it tells.
#define _GNU_SOURCE
#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// At its worst until it is told to end: others are looked at meanwhile. By itself, where nobody looks, not at all.
static void hold(void) {
    sigset_t end;
    int got;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    ready();
    if (!getenv("UNLIMITED")) sigwait(&end, &got);
}

void attack_forks(long wanted) {
    long got = 0;
    pid_t first = 0;
    for (; got < wanted; got++) {
        pid_t child = fork();
        if (child < 0) break;
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) pause();
        }
        if (!first) first = child;
        setpgid(child, first);
    }
    put("stopped by", got < wanted ? error_name() : "nothing");
    put_number("got", got);
    hold();
    if (first) kill(-first, SIGKILL);
}

// Each process takes what it may, and leaves the rest to its children.
void attack_files(long wanted) {
    long got = 0;
    int report[2];
    if (pipe(report) < 0) return;
    while (got < wanted) {
        pid_t child = fork();
        if (child < 0) break;
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            int own = 0;
            while (own < 4096 && own < wanted - got && open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) own++;
            if (write(report[1], &own, sizeof own) != sizeof own) _exit(1);
            for (;;) pause();
        }
        int own = 0;
        if (read(report[0], &own, sizeof own) != sizeof own || own == 0) break;
        got += own;
    }
    put("stopped by", got < wanted ? error_name() : "nothing");
    put_number("got", got);
    hold();
}

void attack_memory(long mebibytes) {
    ready();
    for (long got = 1; got <= mebibytes; got++) {
        char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) break;
        memset(memory, (int)got | 1, 1 << 20);
        put_number("got", got);
    }
    put("stopped by", "nothing");
}

void attack_inodes(const char *folder, long wanted) {
    char path[512];
    long got = 0;
    for (; got < wanted; got++) {
        snprintf(path, sizeof path, "%s/%ld", folder, got);
        int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (file < 0) break;
        close(file);
    }
    put("stopped by", got < wanted ? error_name() : "nothing");
    put_number("got", got);
    ready();
}

void attack_log(long mebibytes) {
    char line[1024];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (long number = 0; number < mebibytes << 10; number++)
        if (write(1, line, sizeof line) < 0) return;
}
