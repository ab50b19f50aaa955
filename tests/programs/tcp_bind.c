#include "net.h"

int main(void) {
    int a = bound(AF_INET, SOCK_STREAM), b = MUST(socket(AF_INET, SOCK_STREAM, 0)), on = 1;
    addr_t at = v4(port_of(a)), any = at, far = at;
    any.in.sin_addr.s_addr = INADDR_ANY, far.in.sin_addr.s_addr = inet_addr("203.0.113.7");
    SHOW(bind(b, &at.sa, sizeof at.in));
    SHOW(bind(b, &any.sa, sizeof at.in));
    SHOW(bind(b, &far.sa, sizeof at.in));
    SHOW(setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    SHOW(bind(b, &at.sa, sizeof at.in)); /* not while the other one listens */
    at.in.sin_addr.s_addr = inet_addr("127.0.0.2"); /* all of 127/8 is here */
    SHOW(bind(b, &at.sa, sizeof at.in)), SHOW(listen(b, 1));
    int c = connected(&at);
    SHOW(wait_for(b, POLLIN));
    SHOW(bind(c, &at.sa, sizeof at.in));
    SHOW(listen(c, 1));
    close(a), close(b);
    /* after a close the port is free at once with SO_REUSEADDR, though a connection lingers */
    int l = MUST(socket(AF_INET, SOCK_STREAM, 0));
    at = v4(0);
    MUST(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)), MUST(bind(l, &at.sa, sizeof at.in)), MUST(listen(l, 1));
    at = v4(port_of(l));
    c = connected(&at);
    int s = MUST(accept(l, NULL, NULL));
    char x;
    close(s), SHOW(read(c, &x, 1)), close(c), close(l);
    b = MUST(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(bind(b, &at.sa, sizeof at.in));
    SHOW(setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    SHOW(bind(b, &at.sa, sizeof at.in)), SHOW(listen(b, 1));
    close(b);
    /* SO_REUSEPORT shares a port among listeners */
    int p[2];
    at = v4(0);
    for (int i = 0; i < 2; i++) {
        p[i] = MUST(socket(AF_INET, SOCK_STREAM, 0));
        SHOW(setsockopt(p[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof on));
        SHOW(bind(p[i], &at.sa, sizeof at.in)), SHOW(listen(p[i], 64));
        at = v4(port_of(p[0]));
    }
    b = MUST(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(bind(b, &at.sa, sizeof at.in));
    for (int i = 0; i < 32; i++) connected(&at);
    int got[2] = {0};
    for (int i = 0; i < 2; i++) {
        MUST(fcntl(p[i], F_SETFL, O_NONBLOCK));
        while (accept(p[i], NULL, NULL) >= 0) got[i]++;
    }
    SHOW(got[0] + got[1]);
    /* listening without a name takes a port */
    b = MUST(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(listen(b, 1));
    YES(port_of(b) > 0);
    SHOW(bind(b, &at.sa, 5));
    SHOW(bind(999, &at.sa, sizeof at.in)), SHOW(bind(0, &at.sa, sizeof at.in)), SHOW(listen(999, 1));
    SHOW(accept(999, NULL, NULL)), SHOW(accept(c = MUST(socket(AF_INET, SOCK_STREAM, 0)), NULL, NULL));
    SHOW(accept(bound(AF_INET, SOCK_DGRAM), NULL, NULL));
    SHOW(connect(p[0], &at.sa, sizeof at.in));
}
