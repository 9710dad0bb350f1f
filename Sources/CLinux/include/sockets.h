#pragma once
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { swl_max_descriptors = 8 };

// sendmsg(2) of `bytes` with up to swl_max_descriptors descriptors; MSG_NOSIGNAL is added.
static inline ssize_t swl_send(int fd, const void *bytes, size_t count, const int *descriptors, int descriptor_count, int flags) {
    union {
        char bytes[CMSG_SPACE(sizeof(int) * swl_max_descriptors)];
        struct cmsghdr align;
    } control;
    struct iovec part = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor_count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)descriptor_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)descriptor_count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * (size_t)descriptor_count);
    }
    return sendmsg(fd, &message, flags | MSG_NOSIGNAL);
}

// recvmsg(2), descriptors close-on-exec into an array of swl_max_descriptors, their number into *descriptor_count.
// More than fit: all are closed and the errno is EMSGSIZE.
static inline ssize_t swl_receive(int fd, void *bytes, size_t count, int *descriptors, int *descriptor_count, int flags) {
    union {
        char bytes[CMSG_SPACE(sizeof(int) * swl_max_descriptors)];
        struct cmsghdr align;
    } control;
    struct iovec part = {bytes, count};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t received = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
    int found = 0;
    if (received >= 0)
        for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
            if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
            size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < here && found < swl_max_descriptors; i++)
                memcpy(&descriptors[found++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        }
    *descriptor_count = found;
    if (received >= 0 && (message.msg_flags & MSG_CTRUNC)) {
        for (int i = 0; i < found; i++) close(descriptors[i]);
        *descriptor_count = 0;
        errno = EMSGSIZE;
        return -1;
    }
    return received;
}

// Binds or connects to a path of at most 107 bytes.
static inline int swl_bind_path(int fd, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) { errno = ENAMETOOLONG; return -1; }
    strcpy(address.sun_path, path);
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}
static inline int swl_connect_path(int fd, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) { errno = ENAMETOOLONG; return -1; }
    strcpy(address.sun_path, path);
    return connect(fd, (struct sockaddr *)&address, sizeof address);
}

// The user at the other end of a connected Unix socket (SO_PEERCRED); -1 with errno.
static inline int64_t swl_peer_user(int fd) {
    // struct ucred, which needs _GNU_SOURCE.
    struct { int32_t pid; uint32_t uid, gid; } peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -1;
    return (int64_t)peer.uid;
}

// netdevice(7): brings an interface of the caller's network namespace up.
static inline int swl_interface_up(const char *name) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    int result = ioctl(fd, SIOCGIFFLAGS, &request);
    if (result == 0) {
        request.ifr_flags |= IFF_UP;
        result = ioctl(fd, SIOCSIFFLAGS, &request);
    }
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static inline int swl_accept(int fd) { return (int)syscall(SYS_accept4, fd, NULL, NULL, SOCK_CLOEXEC); }
