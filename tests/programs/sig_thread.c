#include "t.h"

static volatile int got_tid, hits;
static void handler(int s) { (void)s, got_tid = tid_(), __sync_fetch_and_add(&hits, 1); }
static volatile int other_tid, quit;
static void *other(void *arg) {
    if (arg) {
        sigset_t b;
        sigemptyset(&b), sigaddset(&b, SIGUSR2);
        pthread_sigmask(SIG_BLOCK, &b, NULL);
    }
    other_tid = tid_();
    while (!quit) msleep(2);
    return NULL;
}
static void *masked(void *arg) {
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    *(int *)arg = sigismember(&now, SIGHUP);
    return NULL;
}

int main(void) {
    pthread_t t;
    signal(SIGUSR1, handler), signal(SIGUSR2, handler);
    MUST(pthread_create(&t, NULL, other, NULL));
    while (!other_tid) sched_yield();
    /* aimed at one thread */
    SHOW(syscall(SYS_tgkill, getpid(), other_tid, SIGUSR1));
    while (!hits) sched_yield();
    YES(got_tid == other_tid);
    ERR(pthread_kill(t, SIGUSR1));
    while (hits < 2) sched_yield();
    YES(got_tid == other_tid);
    ERR(pthread_kill(pthread_self(), SIGUSR1));
    YES(got_tid == tid_());
    ERR(pthread_kill(t, 0));
    /* aimed at the process: a thread that does not block it takes it */
    sigset_t b;
    sigemptyset(&b), sigaddset(&b, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &b, NULL);
    hits = 0;
    kill(getpid(), SIGUSR2);
    while (!hits) sched_yield();
    YES(got_tid == other_tid);
    quit = 1;
    MUST(pthread_join(t, NULL));
    hits = 0;
    kill(getpid(), SIGUSR2); /* nobody takes it: pending for the process */
    SHOW(hits);
    quit = 0, other_tid = 0;
    MUST(pthread_create(&t, NULL, other, (void *)&hits));
    while (!other_tid) sched_yield();
    msleep(5);
    SHOW(hits);
    pthread_sigmask(SIG_UNBLOCK, &b, NULL);
    SHOW(hits);
    YES(got_tid == tid_());
    quit = 1;
    MUST(pthread_join(t, NULL));
    /* the mask is inherited by new threads */
    int inherited = -1;
    sigaddset(&b, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &b, NULL);
    MUST(pthread_create(&t, NULL, masked, &inherited));
    MUST(pthread_join(t, NULL));
    SHOW(inherited);
    SHOW(syscall(SYS_tgkill, getpid(), 999999999, SIGUSR1));
    SHOW(syscall(SYS_tgkill, -1, tid_(), SIGUSR1));
    SHOW(syscall(SYS_tgkill, getpid(), tid_(), 65));
}
