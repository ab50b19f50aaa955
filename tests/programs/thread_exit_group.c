#include "t.h"

/* exit from a thread ends others wherever they are: blocked in read, futex, sleep, or spinning */
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int fds[2];
static volatile int n;
static void *in_read(void *arg) { char c; __sync_fetch_and_add(&n, 1); read(fds[0], &c, 1); return arg; }
static void *in_lock(void *arg) { __sync_fetch_and_add(&n, 1); pthread_mutex_lock(&m); return arg; }
static void *in_sleep(void *arg) { __sync_fetch_and_add(&n, 1); sleep(1000); return arg; }
static void *spin(void *arg) { __sync_fetch_and_add(&n, 1); for (volatile int i = 0;; i++) {} return arg; }
static void *end(void *arg) {
    while (n < 4) sched_yield();
    msleep(10);
    puts("exit now");
    exit(23);
    return arg;
}

int main(void) {
    void *(*f[])(void *) = {in_read, in_lock, in_sleep, spin, end};
    pthread_t t;
    MUST(pipe(fds));
    pthread_mutex_lock(&m);
    for (size_t i = 0; i < COUNT(f); i++) MUST(pthread_create(&t, NULL, f[i], NULL));
    pthread_join(t, NULL);
    puts("never printed");
}
