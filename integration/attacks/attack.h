// What the attacks share. Each tells what it managed as lines `name=value` on standard output.
#pragma once

void put(const char *name, const char *value);
// "ok" for a result that is not negative, the name of errno otherwise.
void put_result(const char *name, long result);
void put_number(const char *name, long value);
// What a call left in errno, by name.
const char *error_name(void);
// Calls `visit` with each number that names an entry of `folder`: processes, descriptors.
void each_number(const char *folder, void (*visit)(long number, void *context), void *context);
// Tells that the attack has begun, for those who wait until it has.
void ready(void);

void attack_reach(const char *path);
void attack_read(const char *path);
void attack_write(int count, char **paths);
void attack_executable(const char *text);
void attack_processes(const char *only);
void attack_swap(const char *one, const char *other);
void attack_terminal(const char *text);
void attack_sockets(void);
void attack_cgroups(void);
void attack_forks(long wanted);
void attack_files(long wanted);
void attack_memory(long mebibytes);
void attack_inodes(const char *folder, long wanted);
void attack_log(long mebibytes);
