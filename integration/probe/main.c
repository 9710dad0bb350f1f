// The probe: a static program that is run in a container and tells, as one JSON document on standard output, what it
// can see and do there. It changes nothing but nodes below /dev that it removes again.
//
//     probe [WORD…]     look=PATH     what is at PATH
//                       sysctl=NAME   its value
//                       writable      the files below /proc and /sys that can be opened for writing
//     probe wait        sleeps until it is killed; for containers that others look into
#include "probe.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void each(int count, char **words, const char *prefix, void (*show)(const char *)) {
    size_t length = strlen(prefix);
    open_object(prefix[0] == 'l' ? "places" : "sysctls");
    for (int i = 1; i < count; i++)
        if (strncmp(words[i], prefix, length) == 0) show(words[i] + length);
    close_object();
}

int main(int count, char **words) {
    if (count == 2 && strcmp(words[1], "wait") == 0)
        for (;;) pause();
    open_object(NULL);
    show_process();
    show_terminal();
    show_files();
    each(count, words, "look=", show_place);
    each(count, words, "sysctl=", show_sysctl);
    for (int i = 1; i < count; i++)
        if (strcmp(words[i], "writable") == 0) show_writable();
    show_devices();
    show_calls();
    close_object();
    putchar('\n');
    return fflush(stdout) != 0;
}
