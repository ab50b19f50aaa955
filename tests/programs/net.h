/* Loopback sockets in few lines, for the net and unix families. Ports are chosen by the kernel and never printed. */
#ifndef NET_H
#define NET_H
#include "t.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef union {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct sockaddr_storage any;
} addr_t;

static UNUSED addr_t v4(uint16_t port) {
    addr_t a = {0};
    a.in.sin_family = AF_INET, a.in.sin_port = htons(port), a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}
static UNUSED addr_t v6(uint16_t port) {
    addr_t a = {0};
    a.in6.sin6_family = AF_INET6, a.in6.sin6_port = htons(port), a.in6.sin6_addr = in6addr_loopback;
    return a;
}
static UNUSED socklen_t len_(const addr_t *a) {
    return a->sa.sa_family == AF_INET ? sizeof a->in : a->sa.sa_family == AF_INET6 ? sizeof a->in6 : sizeof a->un;
}
static UNUSED uint16_t port_of(int fd) {
    addr_t a;
    socklen_t n = sizeof a;
    MUST(getsockname(fd, &a.sa, &n));
    return ntohs(a.sa.sa_family == AF_INET ? a.in.sin_port : a.in6.sin6_port);
}
/* a bound socket on the loopback address of the family, port chosen by the kernel; TCP ones listen */
static UNUSED int bound(int family, int type) {
    int fd = MUST(socket(family, type, 0));
    addr_t a = family == AF_INET ? v4(0) : v6(0);
    MUST(bind(fd, &a.sa, len_(&a)));
    if ((type & 15) == SOCK_STREAM) MUST(listen(fd, 16));
    return fd;
}
static UNUSED int connected(const addr_t *to) {
    int fd = MUST(socket(to->sa.sa_family, SOCK_STREAM, 0));
    MUST(connect(fd, &to->sa, len_(to)));
    return fd;
}
/* fds[0] is the accepted side, fds[1] the connecting one */
static UNUSED void tcp_pair(int fds[2]) {
    int l = bound(AF_INET, SOCK_STREAM);
    addr_t a = v4(port_of(l));
    fds[1] = connected(&a);
    fds[0] = MUST(accept(l, NULL, NULL));
    close(l);
}
/* waits up to ten seconds; -1: not a single event came */
static UNUSED int wait_for(int fd, short events) {
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, 10000) == 1 ? p.revents : -1;
}
static UNUSED addr_t unix_at(const char *path) {
    addr_t a = {0};
    a.un.sun_family = AF_UNIX;
    strncpy(a.un.sun_path, path, sizeof a.un.sun_path - 1);
    return a;
}
static UNUSED int so_error(int fd) {
    int e = -1;
    socklen_t n = sizeof e;
    MUST(getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n));
    return e;
}
#endif
