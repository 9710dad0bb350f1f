// The floor under the benchmark: the system calls that starting a pod of one container needs, in order, and nothing
// else. No images, no records, no checks, no sockets: what it costs is what the kernel costs.
//
// floor SCRATCH LAYER [CGROUP]: reads a word a line and answers with the microseconds it took:
//   up    a holder process with network, UTS and IPC namespaces, its /dev/shm, loopback up, a cgroup; then a
//         container in it: overlay of LAYER, /proc, /sys, /dev, masked paths, pivot_root, capabilities, a seccomp
//         filter, exec. Until the exec.
//   exec  `true` in the namespaces of the container, until it ended and its output is at its end
//   down  the container and the holder killed and reaped, mounts and cgroups removed
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char shm[512], upper[512], work[512], root[512], overlay[2048], cgroup[512], container_cgroup[600];
static int has_cgroup;
static pid_t holder, container;
static int container_pidfd;

static void die(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static void must(long result, const char *what) {
    if (result < 0) die(what);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static pid_t clone_process(uint64_t flags, int *pidfd, const char *group) {
    struct clone_args args = {.flags = flags | CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = (uintptr_t)pidfd};
    int group_fd = -1;
    if (group) {
        must(group_fd = open(group, O_PATH | O_DIRECTORY | O_CLOEXEC), group);
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = group_fd;
    }
    pid_t pid = syscall(SYS_clone3, &args, sizeof args);
    must(pid, "clone3");
    if (group && pid) close(group_fd);
    return pid;
}

static void drop_capabilities(void) {
    const uint64_t kept = 0xa80425fb;
    for (int i = 0; i < 41; i++)
        if (!(kept >> i & 1)) must(prctl(PR_CAPBSET_DROP, i, 0, 0, 0), "PR_CAPBSET_DROP");
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{kept, kept, 0}, {0, 0, 0}};
    must(syscall(SYS_capset, &head, data), "capset");
}

// As long as a profile that libseccomp lays out as a tree is to run, though not to say: a list of refused calls.
static void load_filter(void) {
    enum { refused = 60 };
    struct sock_filter code[refused * 2 + 4];
    int n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < refused; i++) {
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 500 + i, 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = n, .filter = code};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
    must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
}

static void make_node(const char *name, int major, int minor) {
    must(mknod(name, S_IFCHR | 0666, makedev(major, minor)), name);
}

static void become_container(void) {
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private /");
    must(mount("overlay", root, "overlay", 0, overlay), "overlay");
    must(chdir(root), root);
    must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "proc");
    must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"), "dev");
    umask(0);
    make_node("dev/null", 1, 3);
    make_node("dev/zero", 1, 5);
    make_node("dev/full", 1, 7);
    make_node("dev/tty", 5, 0);
    make_node("dev/random", 1, 8);
    make_node("dev/urandom", 1, 9);
    umask(022);
    must(mkdir("dev/pts", 0755) | mkdir("dev/shm", 0755) | mkdir("dev/mqueue", 0755), "dev");
    must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"), "devpts");
    must(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "mqueue");
    must(mount(shm, "dev/shm", NULL, MS_BIND, NULL), "shm");
    must(symlink("/proc/self/fd", "dev/fd") | symlink("/proc/self/fd/0", "dev/stdin"), "links");
    must(symlink("/proc/self/fd/1", "dev/stdout") | symlink("/proc/self/fd/2", "dev/stderr"), "links");
    must(symlink("pts/ptmx", "dev/ptmx"), "ptmx");
    must(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL), "sys");
    must(mount("cgroup2", "sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL), "cgroup2");
    const char *masked[] = {"proc/kcore", "proc/keys", "proc/timer_list"};
    for (int i = 0; i < 3; i++)
        if (mount("dev/null", masked[i], NULL, MS_BIND, NULL) && errno != ENOENT) die(masked[i]);
    must(mount("tmpfs", "sys/firmware", "tmpfs", MS_RDONLY, NULL), "sys/firmware");
    const char *fixed[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys"};
    for (int i = 0; i < 4; i++) {
        must(mount(fixed[i], fixed[i], NULL, MS_BIND | MS_REC, NULL), fixed[i]);
        must(mount(NULL, fixed[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), fixed[i]);
    }
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "old root");
    must(chdir("/"), "/");
    must(setsid(), "setsid");
    must(syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC), "close_range");
    drop_capabilities();
    load_filter();
    char *argv[] = {"/bin/busybox", "sleep", "1000", NULL}, *env[] = {"PATH=/bin", NULL};
    execve(argv[0], argv, env);
    die("execve");
}

static void up(void) {
    int ready[2], started[2], ignored;
    must(pipe2(ready, O_CLOEXEC) | pipe2(started, O_CLOEXEC), "pipe2");
    must(mkdir(shm, 0755) | mkdir(upper, 0755) | mkdir(work, 0755) | mkdir(root, 0755), "mkdir");
    if (has_cgroup) must(mkdir(cgroup, 0755) | mkdir(container_cgroup, 0755), "cgroup");
    must(mount("tmpfs", shm, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=64m"), "shm");
    holder = clone_process(0, &ignored, NULL);
    if (holder == 0) {
        must(unshare(CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC), "unshare");
        must(sethostname("floor", 5), "sethostname");
        int link = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
        must(ioctl(link, SIOCSIFFLAGS, &request), "lo");
        close(link);
        int pidfd;
        pid_t child = clone_process(
            CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP, &pidfd, has_cgroup ? container_cgroup : NULL);
        if (child == 0) become_container();
        must(write(ready[1], &child, sizeof child), "write");
        close(ready[1]);
        close(started[1]);
        waitpid(child, NULL, 0);
        _exit(0);
    }
    close(ignored);
    close(ready[1]);
    close(started[1]);
    must(read(ready[0], &container, sizeof container), "read");
    char byte;
    must(read(started[0], &byte, 1), "read"); // its end is the exec's close
    must(container_pidfd = syscall(SYS_pidfd_open, container, 0), "pidfd_open");
    close(ready[0]);
    close(started[0]);
}

static void run_true(void) {
    int out[2], pidfd;
    must(pipe2(out, O_CLOEXEC), "pipe2");
    pid_t joiner = clone_process(0, &pidfd, NULL);
    if (joiner == 0) {
        must(setns(container_pidfd, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC),
             "setns");
        int inner;
        pid_t child = clone_process(0, &inner, NULL);
        if (child == 0) {
            dup2(out[1], 1);
            dup2(out[1], 2);
            drop_capabilities();
            load_filter();
            char *argv[] = {"/bin/busybox", "true", NULL}, *env[] = {"PATH=/bin", NULL};
            execve(argv[0], argv, env);
            die("execve");
        }
        close(out[1]);
        int status;
        must(waitpid(child, &status, 0), "waitpid");
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    close(out[1]);
    char text[256];
    while (read(out[0], text, sizeof text) > 0) continue;
    int status;
    must(waitpid(joiner, &status, 0), "waitpid");
    if (status) die("true");
    close(out[0]);
    close(pidfd);
}

static void down(void) {
    must(syscall(SYS_pidfd_send_signal, container_pidfd, SIGKILL, NULL, 0), "kill");
    must(waitpid(holder, NULL, 0), "waitpid");
    close(container_pidfd);
    must(umount2(shm, 0), "umount");
    char inner[600];
    snprintf(inner, sizeof inner, "%s/work", work);
    rmdir(inner);
    must(rmdir(shm) | rmdir(upper) | rmdir(work) | rmdir(root), "rmdir");
    if (has_cgroup) must(rmdir(container_cgroup) | rmdir(cgroup), "cgroup");
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: floor SCRATCH LAYER [CGROUP]\n");
        return 2;
    }
    snprintf(shm, sizeof shm, "%s/shm", argv[1]);
    snprintf(upper, sizeof upper, "%s/upper", argv[1]);
    snprintf(work, sizeof work, "%s/work", argv[1]);
    snprintf(root, sizeof root, "%s/root", argv[1]);
    snprintf(overlay, sizeof overlay, "lowerdir=%s,upperdir=%s,workdir=%s", argv[2], upper, work);
    if ((has_cgroup = argc > 3)) {
        snprintf(cgroup, sizeof cgroup, "%s", argv[3]);
        snprintf(container_cgroup, sizeof container_cgroup, "%s/container", argv[3]);
    }
    char word[16];
    while (fgets(word, sizeof word, stdin)) {
        double start = now();
        if (!strcmp(word, "up\n")) up();
        else if (!strcmp(word, "exec\n")) run_true();
        else if (!strcmp(word, "down\n")) down();
        else die("no such word");
        printf("%.1f\n", now() - start);
        fflush(stdout);
    }
    return 0;
}
