#include "t.h"
#include <sys/epoll.h>

int main(void) {
    in_tmp();
    put("f", "x");
    int ep = MUST(epoll_create1(0)), p[2], f = MUST(open("f", O_RDONLY));
    struct epoll_event e = {.events = EPOLLIN}, out[2];
    MUST(pipe(p));
    OK(epoll_create1(1)), OK(epoll_create(0)), OK(epoll_create(-1)), OK(epoll_create(1));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], &e));
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &e));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, f, &e)); /* a regular file */
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &e));
    SHOW(epoll_ctl(999, EPOLL_CTL_ADD, p[1], &e));
    SHOW(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &e));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e));
    SHOW(epoll_ctl(ep, 99, p[1], &e));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], NULL));
    SHOW(epoll_wait(ep, out, 0, 0));
    SHOW(epoll_wait(ep, out, -1, 0));
    SHOW(epoll_wait(p[0], out, 2, 0));
    SHOW(epoll_wait(999, out, 2, 0));
    write(p[1], "x", 1);
    SHOW(epoll_wait(ep, (void *)8, 2, 0));
    SHOW(epoll_wait(ep, out, 2, 0));
    int ep2 = MUST(epoll_create1(0));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, ep2, &e));
    SHOW(epoll_ctl(ep2, EPOLL_CTL_ADD, ep, &e)); /* a loop */
    e.events = EPOLLIN | EPOLLEXCLUSIVE;
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    SHOW(epoll_ctl(ep2, EPOLL_CTL_ADD, p[0], &e));
    SHOW(epoll_ctl(ep2, EPOLL_CTL_MOD, p[0], &e));
    e.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
    SHOW(epoll_ctl(ep2, EPOLL_CTL_ADD, p[1], &e));
    SHOW(read(ep, out, 1));
}
