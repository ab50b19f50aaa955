#include "t.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int ep;
static void show(const char *when) {
    struct epoll_event e[4];
    int n = epoll_wait(ep, e, 4, 0);
    printf("%s: %d", when, n);
    for (int i = 0; i < n; i++) printf(" [%x data %d]", e[i].events, e[i].data.u32);
    puts("");
}

int main(void) {
    int p[2], q[2];
    char c;
    ep = MUST(epoll_create1(EPOLL_CLOEXEC));
    SHOW(fcntl(ep, F_GETFD));
    MUST(pipe2(p, O_NONBLOCK)), MUST(pipe2(q, O_NONBLOCK));
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = 1};
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    show("empty");
    write(p[1], "ab", 2);
    show("level"), show("level again");
    read(p[0], &c, 1);
    show("one byte left");
    read(p[0], &c, 1);
    show("drained");
    e.events = EPOLLIN | EPOLLET;
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    show("edge, empty");
    write(p[1], "a", 1);
    show("edge"), show("edge again");
    write(p[1], "b", 1);
    show("another write is another edge"), show("and no more");
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    show("MOD arms again"), show("once");
    e.events = EPOLLIN | EPOLLONESHOT;
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    show("one shot"), show("spent");
    write(p[1], "c", 1);
    show("still spent");
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    show("armed again");
    e = (struct epoll_event){.events = EPOLLOUT, .data.u32 = 2};
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, q[1], &e));
    show("writable");
    close(q[0]);
    show("reader gone");
    SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, q[1], NULL));
    show("deleted");
    e = (struct epoll_event){.events = EPOLLIN, .data.u32 = 3};
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    while (read(p[0], &c, 1) == 1) {}
    close(p[1]);
    show("writer gone");
    close(p[0]);
    show("closed descriptors leave by themselves");
    int ev = MUST(eventfd(0, 0)), d;
    e = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.u32 = 4};
    MUST(epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e));
    eventfd_write(ev, 1), eventfd_write(ev, 1);
    show("two edges in one"), show("then none");
    d = MUST(dup(ev));
    close(ev);
    eventfd_write(d, 1);
    show("a duplicate keeps the interest");
}
