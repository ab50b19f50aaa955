#include "t.h"
#include <poll.h>

int main(void) {
    int p[2];
    static char big[70000];
    SHOW(pipe2(p, O_NONBLOCK));
    SHOW(read(p[0], big, 1));
    SHOW(fcntl(p[0], F_GETPIPE_SZ));
    SHOW(write(p[1], big, sizeof big)); /* what fits */
    SHOW(write(p[1], big, 1));
    struct pollfd q[2] = {{.fd = p[0], .events = POLLIN}, {.fd = p[1], .events = POLLOUT}};
    SHOW(poll(q, 2, 0));
    printf("%x %x\n", q[0].revents, q[1].revents);
    SHOW(read(p[0], big, 4095));
    SHOW(write(p[1], big, 4096)); /* up to PIPE_BUF whole or not at all */
    SHOW(read(p[0], big, 1));
    SHOW(poll(q, 2, 0));
    printf("%x %x\n", q[0].revents, q[1].revents);
    SHOW(write(p[1], big, 4096));
    SHOW(read(p[0], big, sizeof big));
    SHOW(poll(q, 2, 0));
    printf("%x %x\n", q[0].revents, q[1].revents);
    SHOW(fcntl(p[1], F_SETPIPE_SZ, 4096));
    SHOW(fcntl(p[1], F_SETPIPE_SZ, 5000)); /* rounded up to a power of two */
    SHOW(write(p[1], big, sizeof big));
    SHOW(fcntl(p[1], F_SETPIPE_SZ, 4096)); /* not below what it holds */
    SHOW(fcntl(p[1], F_SETPIPE_SZ, 0));
    SHOW(close(p[0]));
    q[1].revents = 0;
    SHOW(poll(q + 1, 1, 0));
    SHOW((q[1].revents & POLLERR) != 0);
}
