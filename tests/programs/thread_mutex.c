#include "t.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static long count;
static void *add(void *arg) {
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&m);
        count++;
        pthread_mutex_unlock(&m);
        if (i % 100 == 0) sched_yield();
    }
    return arg;
}
static void *try(void *arg) { return (void *)(long)pthread_mutex_trylock(arg); }
static int other(void *(*f)(void *), void *arg) {
    pthread_t t;
    void *r;
    MUST(pthread_create(&t, NULL, f, arg));
    MUST(pthread_join(t, &r));
    return (int)(long)r;
}
static void *timed(void *arg) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    return (void *)(long)pthread_mutex_timedlock(arg, &until);
}

int main(void) {
    pthread_t t[4];
    for (int i = 0; i < 4; i++) MUST(pthread_create(&t[i], NULL, add, NULL));
    for (int i = 0; i < 4; i++) MUST(pthread_join(t[i], NULL));
    SHOW(count);
    pthread_mutexattr_t a;
    pthread_mutex_t e, r;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&e, &a);
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&r, &a);
    ERR(pthread_mutex_lock(&e));
    ERR(pthread_mutex_lock(&e));
    ERR(other(try, &e));
    ERR(other(timed, &e));
    ERR(pthread_mutex_unlock(&e));
    ERR(pthread_mutex_unlock(&e));
    ERR(pthread_mutex_lock(&r));
    ERR(pthread_mutex_lock(&r));
    ERR(pthread_mutex_unlock(&r));
    ERR(other(try, &r));
    ERR(pthread_mutex_unlock(&r));
    ERR(other(try, &r));
    ERR(pthread_mutex_unlock(&r));
}
