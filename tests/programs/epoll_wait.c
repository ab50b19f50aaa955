#include "t.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

/* blocking, time-outs, signals, nesting, many descriptors, several waiters */
static int ep, ev, caught, tid;
static volatile int stop;
static void handler(int s) { (void)s, caught++; }
static void *later(void *arg) { msleep(20), eventfd_write(ev, 1); return arg; }
static void *poke(void *arg) {
    while (!stop) msleep(3), syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
    return arg;
}
static void *waiter(void *arg) {
    struct epoll_event e;
    (void)arg;
    return (void *)(long)epoll_wait(ep, &e, 1, 10000);
}

int main(void) {
    pthread_t t, w[3];
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0x123456789abcdef0}, out[64];
    tid = tid_();
    ep = MUST(epoll_create1(0)), ev = MUST(eventfd(0, EFD_NONBLOCK));
    MUST(epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e));
    long long before = now_ns();
    SHOW(epoll_wait(ep, out, 4, 30));
    YES(now_ns() - before >= 30000000);
    MUST(pthread_create(&t, NULL, later, NULL));
    SHOW(epoll_wait(ep, out, 4, -1));
    YES(out[0].data.u64 == 0x123456789abcdef0);
    MUST(pthread_join(t, NULL));
    uint64_t v;
    read(ev, &v, 8);
    /* nested */
    int outer = MUST(epoll_create1(0));
    MUST(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &e));
    SHOW(epoll_wait(outer, out, 4, 0));
    eventfd_write(ev, 1);
    SHOW(epoll_wait(outer, out, 4, 0));
    read(ev, &v, 8);
    SHOW(epoll_wait(outer, out, 4, 0));
    /* signals: EINTR even under SA_RESTART */
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    MUST(sigaction(SIGUSR1, &sa, NULL));
    MUST(pthread_create(&t, NULL, poke, NULL));
    SHOW(epoll_wait(ep, out, 4, 10000));
    SHOW(epoll_wait(ep, out, 4, -1));
    stop = 1;
    MUST(pthread_join(t, NULL));
    /* epoll_pwait: the mask holds only while waiting */
    sigset_t block, none;
    sigemptyset(&block), sigaddset(&block, SIGUSR1), sigemptyset(&none);
    MUST(sigprocmask(SIG_BLOCK, &block, NULL));
    caught = 0;
    raise(SIGUSR1);
    SHOW(epoll_wait(ep, out, 4, 0)), SHOW(caught);
    SHOW(epoll_pwait(ep, out, 4, 1000, &none)), SHOW(caught);
    SHOW(epoll_pwait(ep, out, 4, 10, &none)), SHOW(caught);
    struct timespec ts = {0, 10000000};
    SHOW(syscall(441, ep, out, 4, &ts, NULL, 0)); /* epoll_pwait2 */
    /* many ready at once, in rounds of a few */
    int fds[40], seen[40] = {0}, total = 0;
    for (int i = 0; i < 40; i++) {
        fds[i] = MUST(eventfd(1, EFD_NONBLOCK));
        e.data.u32 = (uint32_t)i;
        MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e));
    }
    for (int round = 0; round < 5; round++) {
        int n = epoll_wait(ep, out, 16, 0);
        for (int i = 0; i < n; i++) seen[out[i].data.u32]++;
        total += n;
    }
    SHOW(total);
    int starved = 0;
    for (int i = 0; i < 40; i++) starved += !seen[i]; /* level triggered ones take turns */
    SHOW(starved);
    for (int i = 0; i < 40; i++) close(fds[i]);
    SHOW(epoll_wait(ep, out, 16, 0));
    for (int i = 0; i < 3; i++) MUST(pthread_create(&w[i], NULL, waiter, NULL));
    msleep(20);
    eventfd_write(ev, 1);
    long woken = 0;
    for (int i = 0; i < 3; i++) {
        void *r;
        MUST(pthread_join(w[i], &r));
        woken += (long)r;
    }
    SHOW(woken); /* level triggered: it stays ready for each of them */
}
