#include "net.h"

int main(void) {
    int gone = bound(AF_INET, SOCK_DGRAM), fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    addr_t to = v4(port_of(gone));
    char b[8];
    close(gone);
    /* nobody there: a connected socket is told by ICMP, an unconnected one is not */
    SHOW(sendto(fd, "x", 1, 0, &to.sa, sizeof to.in));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    SHOW(poll(&p, 1, 30));
    SHOW(connect(fd, &to.sa, sizeof to.in));
    SHOW(send(fd, "x", 1, 0));
    SHOW(wait_for(fd, POLLIN) & POLLERR);
    SHOW(recv(fd, b, 8, 0));
    SHOW(recv(fd, b, 8, MSG_DONTWAIT)); /* told once */
    SHOW(send(fd, "x", 1, 0));
    SHOW(wait_for(fd, POLLIN) & POLLERR);
    STR(ename(so_error(fd)));
    SHOW(send(fd, "x", 1, 0));
    SHOW(wait_for(fd, POLLIN) & POLLERR);
    SHOW(send(fd, "x", 1, 0)); /* the next send may be the one to tell */
    int u6 = MUST(socket(AF_INET6, SOCK_DGRAM, 0)), g6 = bound(AF_INET6, SOCK_DGRAM);
    to = v6(port_of(g6));
    close(g6);
    SHOW(connect(u6, &to.sa, sizeof to.in6));
    SHOW(send(u6, "x", 1, 0));
    SHOW(wait_for(u6, POLLIN) & POLLERR);
    SHOW(recv(u6, b, 8, 0));
}
