#include "net.h"

/* a hundred connections at once, then three hundred one after the other */
static void *server(void *arg) {
    int l = *(int *)arg;
    char c;
    for (int i = 0; i < 300; i++) {
        int fd = MUST(accept(l, NULL, NULL));
        if (read(fd, &c, 1) == 1) c ^= 32, write(fd, &c, 1);
        close(fd);
    }
    return NULL;
}

int main(void) {
    enum { N = 100 };
    int l = MUST(socket(AF_INET, SOCK_STREAM, 0)), c[N], s[N];
    addr_t a = v4(0);
    MUST(bind(l, &a.sa, sizeof a.in)), MUST(listen(l, N));
    a = v4(port_of(l));
    for (int i = 0; i < N; i++) c[i] = connected(&a); /* all in the backlog */
    for (int i = 0; i < N; i++) s[i] = MUST(accept(l, NULL, NULL));
    int distinct = 0, order = 0;
    for (int i = 0; i < N; i++) {
        addr_t p;
        socklen_t n = sizeof p;
        MUST(getpeername(s[i], &p.sa, &n));
        order += ntohs(p.in.sin_port) == port_of(c[i]);
        distinct += i == 0 || port_of(c[i]) != port_of(c[i - 1]);
    }
    SHOW(order); /* accepted in the order of arrival */
    SHOW(distinct);
    int ok = 0;
    for (int i = 0; i < N; i++) {
        char b = (char)i;
        MUST(write(c[i], &b, 1));
    }
    for (int i = N - 1; i >= 0; i--) {
        char b = -1;
        MUST(read(s[i], &b, 1));
        ok += b == (char)i;
    }
    SHOW(ok);
    for (int i = 0; i < N; i++) close(c[i]);
    for (int i = 0; i < N; i++) {
        char b;
        ok -= read(s[i], &b, 1) == 0;
        close(s[i]);
    }
    SHOW(ok);
    pthread_t t;
    MUST(pthread_create(&t, NULL, server, &l));
    for (int i = 0; i < 300; i++) {
        int fd = connected(&a);
        char b = 'a';
        MUST(write(fd, &b, 1));
        ok += read(fd, &b, 1) == 1 && b == 'A';
        close(fd);
    }
    MUST(pthread_join(t, NULL));
    SHOW(ok);
}
