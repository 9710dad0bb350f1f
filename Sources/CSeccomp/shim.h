#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <seccomp.h>
#include <sys/mman.h>

// memfd_create(2) stands behind _GNU_SOURCE, which Swift's own view of the C library lacks.
static inline int swl_program_file(void) { return memfd_create("seccomp", MFD_CLOEXEC); }
