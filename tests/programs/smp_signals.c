#include "t.h"
#include <stdatomic.h>

/* signals reach threads that run on another CPU and never make a system call */
enum { THREADS = 3, ROUNDS = 100 };
static atomic_int hits[THREADS], ready, stop;
static __thread int self;
static void on_usr1(int sig) {
    (void)sig;
    atomic_fetch_add(&hits[self], 1);
}
static void *spinner(void *arg) {
    self = (int)(long)arg;
    atomic_fetch_add(&ready, 1);
    volatile unsigned long work = 0;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) work++;
    return NULL;
}

/* and those that are just about to sleep */
static atomic_int asked, woken;
static void on_usr2(int sig) {
    (void)sig;
    atomic_fetch_add(&woken, 1);
}
static void *sleeper(void *arg) {
    (void)arg;
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    for (int i = 0; i < ROUNDS; i++) {
        atomic_store(&asked, i + 1);
        while (atomic_load(&woken) == i) sigsuspend(&old);
    }
    return NULL;
}

int main(void) {
    pthread_t t[THREADS], s;
    signal(SIGUSR1, on_usr1);
    signal(SIGUSR2, on_usr2);
    for (long i = 0; i < THREADS; i++) MUST(pthread_create(&t[i], NULL, spinner, (void *)i));
    while (atomic_load(&ready) < THREADS) sched_yield();
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < THREADS; k++) MUST(pthread_kill(t[k], SIGUSR1));
        for (int k = 0; k < THREADS; k++) while (atomic_load(&hits[k]) == i) sched_yield();
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < THREADS; i++) MUST(pthread_join(t[i], NULL));
    for (int i = 0; i < THREADS; i++) SHOW(hits[i]);
    MUST(pthread_create(&s, NULL, sleeper, NULL));
    for (int i = 0; i < ROUNDS; i++) {
        while (atomic_load(&asked) != i + 1) sched_yield();
        MUST(pthread_kill(s, SIGUSR2));
        while (atomic_load(&woken) == i) sched_yield();
    }
    MUST(pthread_join(s, NULL));
    SHOW(woken);
}
