// What the process is: ids, capabilities, signals, limits, and all the small things that a child inherits.
#define _GNU_SOURCE
#include "probe.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

static void show_ids(void) {
    uid_t user[3];
    gid_t group[3], groups[1024];
    getresuid(&user[0], &user[1], &user[2]);
    getresgid(&group[0], &group[1], &group[2]);
    open_list("users"); // real, effective, saved, file system
    for (int i = 0; i < 3; i++) put_number(NULL, user[i]);
    put_number(NULL, setfsuid((uid_t)-1));
    close_list();
    open_list("groups");
    for (int i = 0; i < 3; i++) put_number(NULL, group[i]);
    put_number(NULL, setfsgid((gid_t)-1));
    close_list();
    int count = getgroups(1024, groups);
    open_list("supplementaryGroups");
    for (int i = 0; i < count; i++) put_number(NULL, groups[i]);
    close_list();
}

// The fields of proc_pid_status(5) that speak of privileges and signals, as they are.
static void show_status(void) {
    static const char *const fields[] = {
        "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters",
        "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "Threads", "TracerPid", "Umask",
    };
    open_object("status");
    FILE *file = fopen("/proc/self/status", "re");
    char line[8192];
    while (file && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (!value) continue;
        *value++ = 0;
        value += strspn(value, " \t");
        value[strcspn(value, "\n")] = 0;
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
            if (strcmp(line, fields[i]) == 0) put_text(line, value);
    }
    if (file) fclose(file);
    close_object();
}

static void show_limits(void) {
    static const char *const names[] = {
        [RLIMIT_AS] = "AS", [RLIMIT_CORE] = "CORE", [RLIMIT_CPU] = "CPU", [RLIMIT_DATA] = "DATA",
        [RLIMIT_FSIZE] = "FSIZE", [RLIMIT_LOCKS] = "LOCKS", [RLIMIT_MEMLOCK] = "MEMLOCK",
        [RLIMIT_MSGQUEUE] = "MSGQUEUE", [RLIMIT_NICE] = "NICE", [RLIMIT_NOFILE] = "NOFILE",
        [RLIMIT_NPROC] = "NPROC", [RLIMIT_RSS] = "RSS", [RLIMIT_RTPRIO] = "RTPRIO",
        [RLIMIT_RTTIME] = "RTTIME", [RLIMIT_SIGPENDING] = "SIGPENDING", [RLIMIT_STACK] = "STACK",
    };
    open_object("limits"); // soft, hard; -1 is infinity
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        struct rlimit limit;
        if (!names[i] || getrlimit(i, &limit) < 0) continue;
        open_list(names[i]);
        put_number(NULL, (long)limit.rlim_cur);
        put_number(NULL, (long)limit.rlim_max);
        close_list();
    }
    close_object();
}

static void show_inherited(void) {
    struct utsname name;
    int death = -1;
    uname(&name);
    prctl(PR_GET_PDEATHSIG, &death);
    open_object("inherited");
    put_number("nice", getpriority(PRIO_PROCESS, 0));
    put_number("personality", personality(0xffffffff));
    put_number("parentDeathSignal", death);
    put_number("secureBits", prctl(PR_GET_SECUREBITS));
    put_number("dumpable", prctl(PR_GET_DUMPABLE));
    put_number("keepCapabilities", prctl(PR_GET_KEEPCAPS));
    put_number("scheduler", syscall(SYS_sched_getscheduler, 0));
    put_text("oomScoreAdjustment", first_line("/proc/self/oom_score_adj"));
    put_text("hostname", name.nodename);
    close_object();
}

static void show_namespaces(void) {
    static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
    open_object("namespaces");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        struct stat info;
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        if (stat(path, &info) == 0) put_number(names[i], (long)info.st_ino);
    }
    close_object();
}

void show_process(void) {
    show_ids();
    show_status();
    show_limits();
    show_inherited();
    show_namespaces();
    open_list("environment");
    for (char **entry = environ; *entry; entry++) put_text(NULL, *entry);
    close_list();
    // KEYCTL_GET_KEYRING_ID of the session keyring (-3), not to be made.
    put_number("sessionKeyring", syscall(SYS_keyctl, 0, -3, 0));
}

void show_terminal(void) {
    open_object("session");
    put_number("process", getpid());
    put_number("parent", getppid());
    put_number("session", getsid(0));
    put_number("group", getpgrp());
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    put_bool("controllingTerminal", terminal >= 0);
    if (terminal >= 0) {
        put_number("foregroundGroup", tcgetpgrp(terminal));
        close(terminal);
    }
    close_object();
}
