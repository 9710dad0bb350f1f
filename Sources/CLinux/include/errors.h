#pragma once
#include <errno.h>

static inline int swl_errno(void) { return errno; }
static inline void swl_set_errno(int value) { errno = value; }
