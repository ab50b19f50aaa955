#include "net.h"

int main(void) {
    int l = bound(AF_INET, SOCK_STREAM | SOCK_NONBLOCK), fd, c;
    addr_t a = v4(port_of(l));
    char b[64];
    SHOW(accept(l, NULL, NULL));
    c = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int r = connect(c, &a.sa, sizeof a.in);
    YES(r == 0 || errno == EINPROGRESS);
    SHOW(wait_for(c, POLLOUT));
    STR(ename(so_error(c)));
    SHOW(connect(c, &a.sa, sizeof a.in)); /* first call after completion */
    SHOW(connect(c, &a.sa, sizeof a.in));
    SHOW(wait_for(l, POLLIN));
    fd = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    YES(fd >= 0);
    SHOW((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0), SHOW(fcntl(fd, F_GETFD));
    SHOW(read(fd, b, 1));
    SHOW(write(c, "hello", 5));
    SHOW(wait_for(fd, POLLIN));
    SHOW(read(fd, b, sizeof b));
    /* fill it until it would block; it becomes writable again when read */
    static char data[65536];
    long sent = 0, got = 0;
    for (ssize_t n; (n = write(c, data, sizeof data)) > 0;) sent += n;
    STR(ename(errno));
    YES(sent > 65536);
    struct pollfd p = {.fd = c, .events = POLLOUT};
    SHOW(poll(&p, 1, 0));
    while (got < sent) {
        if (wait_for(fd, POLLIN) != POLLIN) break;
        got += MUST(read(fd, data, sizeof data));
    }
    YES(got == sent);
    SHOW(wait_for(c, POLLOUT));
    int plain = accept4(l, NULL, NULL, SOCK_NONBLOCK);
    SHOW(plain);
    SHOW(accept4(l, NULL, NULL, 0x10));
    /* accepted sockets do not inherit O_NONBLOCK */
    int c2 = connected(&a);
    SHOW(wait_for(l, POLLIN));
    fd = MUST(accept(l, NULL, NULL));
    SHOW(fcntl(fd, F_GETFL) & O_NONBLOCK);
    close(c2);
}
