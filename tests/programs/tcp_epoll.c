#include "net.h"

/* an echo server on one edge-triggered epoll, eight clients */
enum { CLIENTS = 8, ROUNDS = 25 };
static uint16_t port;
static void *client(void *arg) {
    addr_t a = v4(port);
    int fd = connected(&a);
    long ok = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char out[600], in[600];
        memset(out, 'a' + (int)(long)arg, sizeof out);
        size_t len = 1 + (size_t)(i * 23) % sizeof out;
        MUST(write(fd, out, len));
        size_t got = 0;
        while (got < len) got += (size_t)MUST(read(fd, in + got, len - got));
        ok += !memcmp(in, out, len);
    }
    close(fd);
    return (void *)ok;
}

int main(void) {
    int l = bound(AF_INET, SOCK_STREAM | SOCK_NONBLOCK), ep = MUST(epoll_create1(0)), closed = 0, accepted = 0;
    port = port_of(l);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = l}, out[16];
    MUST(epoll_ctl(ep, EPOLL_CTL_ADD, l, &e));
    pthread_t t[CLIENTS];
    for (long i = 0; i < CLIENTS; i++) MUST(pthread_create(&t[i], NULL, client, (void *)i));
    while (closed < CLIENTS) {
        int n = epoll_wait(ep, out, 16, 10000);
        if (n <= 0) { printf("epoll_wait %d %s\n", n, ename(errno)); return 1; }
        for (int i = 0; i < n; i++) {
            int fd = out[i].data.fd;
            if (fd == l) {
                for (int c; (c = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0; accepted++) {
                    e = (struct epoll_event){.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = c};
                    MUST(epoll_ctl(ep, EPOLL_CTL_ADD, c, &e));
                }
                continue;
            }
            char b[256];
            ssize_t r;
            while ((r = read(fd, b, sizeof b)) > 0) MUST(write(fd, b, (size_t)r));
            if (r == 0) close(fd), closed++;
            else if (errno != EAGAIN) printf("read: %s\n", ename(errno));
        }
    }
    long ok = 0;
    for (int i = 0; i < CLIENTS; i++) {
        void *r;
        MUST(pthread_join(t[i], &r));
        ok += (long)r;
    }
    SHOW(accepted);
    SHOW(ok);
    /* what epoll says at the stages of a connection's life */
    int s[2];
    tcp_pair(s);
    e = (struct epoll_event){.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = s[0]};
    MUST(epoll_ctl(ep, EPOLL_CTL_DEL, l, NULL)), MUST(epoll_ctl(ep, EPOLL_CTL_ADD, s[0], &e));
    SHOW(epoll_wait(ep, out, 4, 1000)), printf("%x\n", out[0].events);
    SHOW(epoll_wait(ep, out, 4, 0));
    write(s[1], "x", 1);
    SHOW(epoll_wait(ep, out, 4, 1000)), printf("%x\n", out[0].events);
    SHOW(epoll_wait(ep, out, 4, 0));
    shutdown(s[1], SHUT_WR);
    SHOW(epoll_wait(ep, out, 4, 1000)), printf("%x\n", out[0].events);
    shutdown(s[0], SHUT_WR);
    SHOW(epoll_wait(ep, out, 4, 1000)), printf("%x\n", out[0].events);
}
