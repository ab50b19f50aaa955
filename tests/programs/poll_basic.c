#include "t.h"
#include <poll.h>

static volatile int caught, stop, tid;
static int p[2];
static void handler(int s) { (void)s, caught++; }
static void *poke(void *arg) {
    while (!stop) msleep(3), syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
    return arg;
}
static void *feed(void *arg) { msleep(20), write(p[1], "x", 1); return arg; }

int main(void) {
    in_tmp();
    put("f", "");
    pthread_t t;
    MUST(pipe(p));
    int f = MUST(open("f", O_RDWR));
    struct pollfd v[4] = {{.fd = p[0], .events = POLLIN}, {.fd = f, .events = POLLIN | POLLOUT},
                          {.fd = -1, .events = POLLIN}, {.fd = 999, .events = POLLIN}};
    SHOW(poll(v, 1, 0));
    long long before = now_ns();
    SHOW(poll(v, 1, 30));
    YES(now_ns() - before >= 30000000);
    SHOW(poll(NULL, 0, 5));
    SHOW(poll(v, 4, 1000));
    for (int i = 0; i < 4; i++) printf("%x ", v[i].revents);
    puts("");
    MUST(pthread_create(&t, NULL, feed, NULL));
    SHOW(poll(v, 1, -1));
    SHOW(v[0].revents);
    MUST(pthread_join(t, NULL));
    v[0].events = 0;
    SHOW(poll(v, 1, 0));
    close(p[1]);
    SHOW(poll(v, 1, 0));
    SHOW(v[0].revents);
    SHOW(poll((void *)8, 1, 0));
    struct rlimit l = {16, 16};
    struct pollfd many[20] = {0};
    MUST(setrlimit(RLIMIT_NOFILE, &l));
    SHOW(poll(many, 20, 0));
    /* signals */
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    tid = tid_();
    MUST(sigaction(SIGUSR1, &sa, NULL));
    MUST(pthread_create(&t, NULL, poke, NULL));
    SHOW(poll(NULL, 0, 10000));
    stop = 1;
    MUST(pthread_join(t, NULL));
    sigset_t block, none;
    sigemptyset(&block), sigaddset(&block, SIGUSR1), sigemptyset(&none);
    MUST(sigprocmask(SIG_BLOCK, &block, NULL));
    caught = 0;
    raise(SIGUSR1);
    struct timespec ts = {0, 5000000}, bad = {0, -1};
    SHOW(ppoll(NULL, 0, &ts, NULL)), SHOW(caught);
    SHOW(ppoll(NULL, 0, &ts, &none)), SHOW(caught);
    SHOW(ppoll(NULL, 0, &bad, &none));
}
