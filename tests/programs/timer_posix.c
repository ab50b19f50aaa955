#include "t.h"
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static volatile int hits, code, value, tid, overrun;
static timer_t timer;
static void handler(int s, siginfo_t *i, void *c) {
    (void)s, (void)c;
    hits++, code = i->si_code, value = i->si_value.sival_int, tid = tid_(), overrun = i->si_overrun;
}

int main(void) {
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 33};
    struct itimerspec v = {{0, 0}, {0, 10000000}}, old;
    MUST(sigaction(SIGRTMIN, &sa, NULL)), MUST(sigaction(SIGALRM, &sa, NULL));
    SHOW(timer_create(CLOCK_MONOTONIC, &e, &timer));
    SHOW(timer_gettime(timer, &old));
    SHOW(old.it_value.tv_nsec);
    SHOW(timer_settime(timer, 0, &v, NULL));
    while (!hits) msleep(1);
    printf("hits %d code %d value %d\n", hits, code, value);
    SHOW(timer_getoverrun(timer));
    /* periodic; while blocked, expirations are counted, not queued */
    sigset_t block;
    sigemptyset(&block), sigaddset(&block, SIGRTMIN);
    MUST(sigprocmask(SIG_BLOCK, &block, NULL));
    v = (struct itimerspec){{0, 2000000}, {0, 2000000}};
    hits = 0;
    SHOW(timer_settime(timer, 0, &v, NULL));
    msleep(30);
    v = (struct itimerspec){{0, 0}, {0, 0}};
    MUST(sigprocmask(SIG_UNBLOCK, &block, NULL));
    YES(hits >= 1 && overrun >= 8);
    SHOW(timer_settime(timer, 0, &v, &old));
    SHOW(old.it_interval.tv_nsec);
    /* absolute */
    hits = 0;
    v.it_value.tv_nsec = 1; /* long ago, however short the machine has been up */
    SHOW(timer_settime(timer, TIMER_ABSTIME, &v, NULL));
    SHOW(hits); /* in the past: at once */
    SHOW(timer_delete(timer));
    /* one thread */
    timer_t t2;
    e.sigev_notify = SIGEV_THREAD_ID, e.sigev_notify_thread_id = tid_();
    SHOW(timer_create(CLOCK_REALTIME, &e, &t2));
    v = (struct itimerspec){{0, 0}, {0, 5000000}};
    hits = 0;
    SHOW(timer_settime(t2, 0, &v, NULL));
    while (!hits) msleep(1);
    YES(tid == tid_());
    /* none: only to be asked */
    timer_t t3, t4;
    e.sigev_notify = SIGEV_NONE;
    SHOW(timer_create(CLOCK_MONOTONIC, &e, &t3));
    v = (struct itimerspec){{0, 0}, {100, 0}};
    SHOW(timer_settime(t3, 0, &v, NULL));
    SHOW(timer_gettime(t3, &old));
    YES(old.it_value.tv_sec >= 90 && old.it_value.tv_sec <= 100);
    hits = 0;
    SHOW(timer_create(CLOCK_MONOTONIC, NULL, &t4)); /* default: SIGALRM */
    v = (struct itimerspec){{0, 0}, {0, 1000000}};
    SHOW(timer_settime(t4, 0, &v, NULL));
    while (!hits) msleep(1);
    SHOW(code == SI_TIMER);
    v.it_value.tv_nsec = 1000000000;
    SHOW(timer_settime(t4, 0, &v, NULL));
    SHOW(syscall(SYS_timer_settime, 12345, 0, &v, NULL));
    SHOW(syscall(SYS_timer_delete, 12345));
    SHOW(timer_create(99, NULL, &t4));
    e.sigev_notify = SIGEV_SIGNAL, e.sigev_signo = 100;
    SHOW(timer_create(CLOCK_MONOTONIC, &e, &t4));
}
