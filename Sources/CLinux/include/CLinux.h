// Numbers, structs, macros and calls that Swift cannot spell. One header a subject; no logic.
//
// _GNU_SOURCE must not be defined here: it changes libc's structs (fd_set) from what Swift's Glibc module saw. A call that
// needs it gets its prototype in a header and its one line in a .c file that defines _GNU_SOURCE; kernel constants come
// from <linux/…> headers.
#pragma once
#include "bpf.h"
#include "errors.h"
#include "files.h"
#include "mounts.h"
#include "netlink.h"
#include "processes.h"
#include "sockets.h"
#include "terminals.h"
#include "tree.h"
