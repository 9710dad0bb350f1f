// What the parts of the probe share: a JSON writer that keeps the commas, and one function for each part.
#pragma once

void open_object(const char *name);
void open_list(const char *name);
void close_object(void);
void close_list(void);
void put_text(const char *name, const char *value);
void put_number(const char *name, long value);
void put_bool(const char *name, int value);

// The name of an error of errno(3), "ok" for 0.
const char *error_name(int error);
// The first line of a file without its end, "" when it cannot be read.
const char *first_line(const char *path);

void show_process(void);
void show_terminal(void);
void show_files(void);
void show_place(const char *path);
void show_sysctl(const char *name);
void show_writable(void);
void show_devices(void);
void show_calls(void);
