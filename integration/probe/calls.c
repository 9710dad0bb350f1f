// Which system calls a filter refuses. Each is made with arguments that the kernel refuses before it looks at
// privileges, so that EPERM (or ENOSYS, of a call the kernel has) can only come from a filter.
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void show_call(const char *name, long number, long a, long b, long c, long d, long e) {
    long result = syscall(number, a, b, c, d, e, 0);
    put_text(name, result < 0 ? error_name(errno) : "ok");
}

static void show_socket(const char *name, int family) {
    int socket_ = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    put_text(name, socket_ < 0 ? error_name(errno) : "ok");
    if (socket_ >= 0) close(socket_);
}

void show_calls(void) {
    open_object("calls");
    show_call("add_key", SYS_add_key, 0, 0, 0, 0, 0);
    show_call("chroot", SYS_chroot, 0, 0, 0, 0, 0);
    show_call("clock_settime", SYS_clock_settime, 0xffff, 0, 0, 0, 0);
    show_call("clone_newns", SYS_clone, CLONE_NEWNS | CLONE_FS, 0, 0, 0, 0);
    show_call("clone_newuser", SYS_clone, CLONE_NEWUSER | CLONE_FS, 0, 0, 0, 0);
    show_call("clone3", SYS_clone3, 0, 0, 0, 0, 0);
    show_call("getpid", SYS_getpid, 0, 0, 0, 0, 0);
    show_call("io_uring_setup", SYS_io_uring_setup, 0, 0, 0, 0, 0);
    show_call("kcmp", SYS_kcmp, -1, -1, 0, 0, 0);
    show_call("keyctl", SYS_keyctl, 0xffff, 0, 0, 0, 0);
    show_call("mount", SYS_mount, 0, 0, 0, 0, 0);
    show_call("mount_setattr", SYS_mount_setattr, -1, 0, 0, 0, 0);
    show_call("open_tree", SYS_open_tree, -1, 0, 0xffff0000, 0, 0);
    show_call("perf_event_open", SYS_perf_event_open, 0, 0, 0, 0, -1);
    show_call("personality_query", SYS_personality, 0xffffffff, 0, 0, 0, 0);
    show_call("pidfd_getfd", SYS_pidfd_getfd, -1, -1, 0, 0, 0);
    show_call("process_madvise", SYS_process_madvise, -1, 0, 0, 0, 0);
    show_call("ptrace", SYS_ptrace, 0xffff, 0, 0, 0, 0);
    show_call("request_key", SYS_request_key, 0, 0, 0, 0, 0);
    show_call("set_mempolicy", SYS_set_mempolicy, 0xffff, 0, 0, 0, 0);
    show_call("setns", SYS_setns, -1, 0, 0, 0, 0);
    show_call("umount2", SYS_umount2, 0, 0xffff, 0, 0, 0);
    show_call("unshare", SYS_unshare, 1, 0, 0, 0, 0);
    show_call("userfaultfd", SYS_userfaultfd, 0xfff1, 0, 0, 0, 0);
    show_call("unknown", 4000, 0, 0, 0, 0, 0);
#ifdef SYS_ustat
    show_call("ustat", SYS_ustat, 0, 0, 0, 0, 0);
    // The same number as a call of the x32 interface.
    show_call("x32_keyctl", SYS_keyctl | 0x40000000, 0xffff, 0, 0, 0, 0);
#endif
    // Changes something, so last: the mark that a call of the container's wishes may make (ADDR_NO_RANDOMIZE).
    show_call("personality", SYS_personality, 0x0040000, 0, 0, 0, 0);
    show_socket("socket_unix", AF_UNIX);
    show_socket("socket_inet", AF_INET);
    show_socket("socket_netlink", AF_NETLINK);
    show_socket("socket_alg", 38);
    show_socket("socket_vsock", 40);
    close_object();
}
