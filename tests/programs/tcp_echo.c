#include "net.h"

static void *server(void *arg) {
    int l = *(int *)arg, fd = MUST(accept(l, NULL, NULL));
    char b[100];
    for (ssize_t n; (n = read(fd, b, sizeof b)) > 0;) MUST(write(fd, b, (size_t)n));
    close(fd);
    return NULL;
}

int main(void) {
    pthread_t t;
    int l = bound(AF_INET, SOCK_STREAM);
    addr_t a = v4(port_of(l)), me, peer;
    MUST(pthread_create(&t, NULL, server, &l));
    int fd = connected(&a);
    socklen_t n = sizeof me, m = sizeof peer;
    SHOW(getsockname(fd, &me.sa, &n)), SHOW(n);
    SHOW(getpeername(fd, &peer.sa, &m));
    YES(peer.in.sin_port == a.in.sin_port && peer.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    YES(me.in.sin_family == AF_INET && me.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && me.in.sin_port != a.in.sin_port);
    char b[64];
    for (int i = 0; i < 20; i++) {
        char out[32];
        int len = snprintf(out, sizeof out, "message %d", i);
        MUST(write(fd, out, (size_t)len));
        memset(b, 0, sizeof b);
        for (int got = 0; got < len;) got += (int)MUST(read(fd, b + got, (size_t)(len - got)));
        if (strcmp(b, out)) printf("wrong: %s\n", b);
    }
    STR(b);
    SHOW(shutdown(fd, SHUT_WR));
    SHOW(read(fd, b, sizeof b));
    MUST(pthread_join(t, NULL));
    SHOW(close(fd));
    /* a cut-off address */
    fd = connected(&a), n = 4;
    SHOW(getsockname(fd, &me.sa, &n)), SHOW(n);
}
