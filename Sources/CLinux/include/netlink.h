#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Debian's SOL_NETLINK wants _GNU_SOURCE; the number is the kernel's.
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

// A netlink(7) socket, bound to a port number of the kernel's choice; -1 with errno.
static inline int swl_netlink_open(int protocol) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0) return -1;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static inline int swl_netlink_option(int fd, int option, int value) {
    return setsockopt(fd, SOL_NETLINK, option, &value, sizeof value);
}

// The port number the kernel chose; 0 when it cannot be told.
static inline uint32_t swl_netlink_port(int fd) {
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    socklen_t size = sizeof address;
    return getsockname(fd, (struct sockaddr *)&address, &size) == 0 ? address.nl_pid : 0;
}

// The bytes one message brought, with 0 in *from_kernel when a process sent it; -1 with errno. Never waits.
static inline ssize_t swl_netlink_receive(int fd, void *bytes, size_t count, int *from_kernel) {
    struct sockaddr_nl sender;
    socklen_t size = sizeof sender;
    ssize_t received = recvfrom(fd, bytes, count, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&sender, &size);
    *from_kernel = received >= 0 && size == sizeof sender && sender.nl_pid == 0;
    return received;
}

// Which parts of a tuple a dump of connections is chosen by (CTA_FILTER): the kernel's header keeps them to itself.
enum { swl_ct_source = 1, swl_ct_destination = 2, swl_ct_protocol = 8, swl_ct_source_port = 16, swl_ct_destination_port = 32 };

// Socket addresses of the IP families, built from bytes in network order; the size, or 0.
static inline socklen_t swl_ip_address(struct sockaddr_storage *to, int family, const void *address, uint16_t port) {
    memset(to, 0, sizeof *to);
    if (family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)to;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, address, 4);
        return sizeof *in;
    }
    if (family == AF_INET6) {
        struct sockaddr_in6 *in = (struct sockaddr_in6 *)to;
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(port);
        memcpy(&in->sin6_addr, address, 16);
        return sizeof *in;
    }
    return 0;
}
