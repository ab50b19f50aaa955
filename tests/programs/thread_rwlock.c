#include "t.h"

static pthread_rwlock_t l = PTHREAD_RWLOCK_INITIALIZER;
static long a, b, torn, reads;
static volatile int stop;
static void *writer(void *arg) {
    for (int i = 0; i < 500; i++) {
        pthread_rwlock_wrlock(&l);
        a++;
        if (i % 50 == 0) sched_yield();
        b++;
        pthread_rwlock_unlock(&l);
    }
    return arg;
}
static void *reader(void *arg) {
    do { /* once even when the writers were faster */
        pthread_rwlock_rdlock(&l);
        if (a != b) __sync_fetch_and_add(&torn, 1);
        __sync_fetch_and_add(&reads, 1);
        pthread_rwlock_unlock(&l);
        sched_yield();
    } while (!stop);
    return arg;
}
static void *try_read(void *arg) {
    long r = pthread_rwlock_tryrdlock(&l);
    if (!r) pthread_rwlock_unlock(&l);
    return arg ? arg : (void *)r;
}
static void *try_write(void *arg) {
    long r = pthread_rwlock_trywrlock(&l);
    if (!r) pthread_rwlock_unlock(&l);
    return arg ? arg : (void *)r;
}
static int other(void *(*f)(void *)) {
    pthread_t t;
    void *r;
    MUST(pthread_create(&t, NULL, f, NULL));
    MUST(pthread_join(t, &r));
    return (int)(long)r;
}

int main(void) {
    pthread_t t[4];
    for (int i = 0; i < 4; i++) MUST(pthread_create(&t[i], NULL, i < 2 ? writer : reader, NULL));
    for (int i = 0; i < 2; i++) MUST(pthread_join(t[i], NULL));
    stop = 1;
    for (int i = 2; i < 4; i++) MUST(pthread_join(t[i], NULL));
    SHOW(a);
    SHOW(b);
    SHOW(torn);
    YES(reads > 0);
    ERR(pthread_rwlock_rdlock(&l));
    ERR(other(try_read));
    ERR(other(try_write));
    ERR(pthread_rwlock_unlock(&l));
    ERR(pthread_rwlock_wrlock(&l));
    ERR(other(try_read));
    ERR(other(try_write));
    ERR(pthread_rwlock_wrlock(&l));
    ERR(pthread_rwlock_unlock(&l));
    ERR(other(try_write));
}
