// The attacks of the field, as one static program that is run in containers. See the table in docs/security.md.
//
//     attack reach PATH          reads the host's PATH by the root, the working directory, any descriptor of any
//                                process, and by breaking out of a plain chroot
//     attack read PATH           PATH's content, by the rights that the program's file and process have
//     attack write PATH…         which of them can be opened for writing; writes nothing
//     attack executable TEXT     waits for a program of the runtime's to show in /proc, overwrites it with TEXT
//     attack processes [PID]     kill, ptrace, memory, root, descriptors of every other process, or of one
//     attack swap ONE OTHER      exchanges two names for ever, as fast as the kernel can
//     attack terminal TEXT       types TEXT into every terminal within reach (TIOCSTI), opens others' terminals
//     attack sockets             connects to every abstract socket of the network namespace
//     attack cgroups             looks for a cgroup file system that can be written to, or mounted
//     attack forks N, files N, memory MIB, inodes FOLDER N, log MIB
//                                takes so much of it, or what it gets
#define _GNU_SOURCE
#include "attack.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void put(const char *name, const char *value) { printf("%s=%s\n", name, value); }

void put_number(const char *name, long value) { printf("%s=%ld\n", name, value); }

const char *error_name(void) {
    const char *name = strerrorname_np(errno);
    return name ? name : "unknown";
}

void put_result(const char *name, long result) { put(name, result >= 0 ? "ok" : error_name()); }

void ready(void) {
    puts("ready");
    fflush(stdout);
}

void each_number(const char *folder, void (*visit)(long, void *), void *context) {
    DIR *list = opendir(folder);
    if (!list) return;
    struct dirent *entry;
    while ((entry = readdir(list))) {
        char *end;
        long number = strtol(entry->d_name, &end, 10);
        if (*end == 0 && end != entry->d_name) visit(number, context);
    }
    closedir(list);
}

int main(int count, char **words) {
    // Standard output is the container's log: whole lines, at once.
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *verb = count > 1 ? words[1] : "", *first = count > 2 ? words[2] : NULL;
    if (!strcmp(verb, "sockets")) attack_sockets();
    else if (!strcmp(verb, "cgroups")) attack_cgroups();
    else if (!strcmp(verb, "processes")) attack_processes(first);
    else if (!first) return 2;
    else if (!strcmp(verb, "reach")) attack_reach(first);
    else if (!strcmp(verb, "read")) attack_read(first);
    else if (!strcmp(verb, "write")) attack_write(count - 2, words + 2);
    else if (!strcmp(verb, "executable")) attack_executable(first);
    else if (!strcmp(verb, "swap") && count > 3) attack_swap(first, words[3]);
    else if (!strcmp(verb, "terminal")) attack_terminal(first);
    else if (!strcmp(verb, "forks")) attack_forks(atol(first));
    else if (!strcmp(verb, "files")) attack_files(atol(first));
    else if (!strcmp(verb, "memory")) attack_memory(atol(first));
    else if (!strcmp(verb, "inodes") && count > 3) attack_inodes(first, atol(words[3]));
    else if (!strcmp(verb, "log")) attack_log(atol(first));
    else return 2;
    return fflush(stdout) != 0;
}
