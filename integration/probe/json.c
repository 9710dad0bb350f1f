// Writes one JSON document to standard output, as it comes.
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int needs_comma;

static void put_string(const char *text) {
    putchar('"');
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            printf("\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f)
            printf("\\u%04x", byte); // byte by byte, as Latin-1: nothing is lost
        else
            putchar(byte);
    }
    putchar('"');
}

// Inside a list the name is NULL.
static void start(const char *name) {
    if (needs_comma) putchar(',');
    if (name) {
        put_string(name);
        putchar(':');
    }
    needs_comma = 1;
}

static void open_with(const char *name, char bracket) {
    start(name);
    putchar(bracket);
    needs_comma = 0;
}

static void close_with(char bracket) {
    putchar(bracket);
    needs_comma = 1;
}

void open_object(const char *name) { open_with(name, '{'); }
void open_list(const char *name) { open_with(name, '['); }
void close_object(void) { close_with('}'); }
void close_list(void) { close_with(']'); }

void put_text(const char *name, const char *value) {
    start(name);
    put_string(value);
}

void put_number(const char *name, long value) {
    start(name);
    printf("%ld", value);
}

void put_bool(const char *name, int value) {
    start(name);
    fputs(value ? "true" : "false", stdout);
}

const char *error_name(int error) {
    const char *name = error ? strerrorname_np(error) : "ok";
    return name ? name : "unknown";
}

const char *first_line(const char *path) {
    static char line[4096];
    line[0] = 0;
    FILE *file = fopen(path, "re");
    if (!file) return "";
    if (!fgets(line, sizeof line, file)) line[0] = 0;
    fclose(file);
    line[strcspn(line, "\n")] = 0;
    return line;
}
