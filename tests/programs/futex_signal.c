#include "t.h"
#include <linux/futex.h>

/* a signal ends a futex wait with EINTR, or restarts it under SA_RESTART when it has no time-out */
static uint32_t word;
static volatile int tid, hits, done, feed;
static void handler(int s) { (void)s, hits++; }
static void *poke(void *arg) {
    while (!done) {
        msleep(3);
        syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
        /* whoever is woken slept: a word changed while it is in its handler would be seen before it sleeps again */
        if (feed && hits > 4 && syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1) == 1) feed = 0;
    }
    return arg;
}

int main(void) {
    pthread_t t;
    struct sigaction sa = {.sa_handler = handler};
    struct timespec limit = {20, 0};
    tid = tid_();
    MUST(sigaction(SIGUSR1, &sa, NULL));
    MUST(pthread_create(&t, NULL, poke, NULL));
    SHOW(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL));
    SHOW(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &limit));
    sa.sa_flags = SA_RESTART;
    MUST(sigaction(SIGUSR1, &sa, NULL));
    hits = 0, feed = 1;
    SHOW(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL)); /* until the wake */
    YES(hits > 4);
    done = 1;
    MUST(pthread_join(t, NULL));
}
