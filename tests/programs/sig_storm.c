#include "t.h"

/* two senders against a thread that computes: nothing is lost, nothing is damaged */
static volatile int hits;
static void handler(int s, siginfo_t *i, void *c) {
    volatile double d = 1.5;
    (void)s, (void)i, (void)c;
    for (int k = 0; k < 10; k++) d = d * 1.1;
    __sync_fetch_and_add(&hits, 1);
}
static void *sender(void *arg) {
    for (int i = 0; i < 200; i++) {
        while (sigqueue(getpid(), SIGRTMIN + (int)(long)arg, (union sigval){.sival_int = i})) sched_yield();
        if (i % 20 == 0) sched_yield();
    }
    return NULL;
}

int main(void) {
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    pthread_t t[2];
    sigset_t block;
    MUST(sigaction(SIGRTMIN, &sa, NULL)), MUST(sigaction(SIGRTMIN + 1, &sa, NULL));
    sigemptyset(&block), sigaddset(&block, SIGRTMIN), sigaddset(&block, SIGRTMIN + 1);
    MUST(pthread_sigmask(SIG_BLOCK, &block, NULL));
    for (long i = 0; i < 2; i++) MUST(pthread_create(&t[i], NULL, sender, (void *)i));
    MUST(pthread_sigmask(SIG_UNBLOCK, &block, NULL));
    double x = 0;
    unsigned long y = 1;
    for (int i = 1; hits < 400 || i <= 20000; i++) {
        if (i <= 20000) x += 1.0 / i, y = y * 6364136223846793005UL + 1;
    }
    for (int i = 0; i < 2; i++) MUST(pthread_join(t[i], NULL));
    SHOW(hits);
    printf("%.12f %lx\n", x, y);
}
