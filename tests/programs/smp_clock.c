#include "t.h"
#include <stdatomic.h>

/* time does not step back from one thread to the next, nor between the library's clock and the system call's */
enum { THREADS = 4, ROUNDS = 20000 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long long last;
static atomic_ulong back;

static long long called(void) {
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *asks(void *arg) {
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        long long now = i % 8 ? now_ns() : called();
        if (now < last) atomic_fetch_add(&back, 1);
        last = now;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

int main(void) {
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++) MUST(pthread_create(&t[i], NULL, asks, NULL));
    for (int i = 0; i < THREADS; i++) MUST(pthread_join(t[i], NULL));
    SHOW(back);
    YES(last > 0);
}
