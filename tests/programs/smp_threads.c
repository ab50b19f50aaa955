#include "t.h"
#include <stdatomic.h>

/* threads that make threads that end at once, from several sides */
enum { MAKERS = 4, ROUNDS = 120, BATCH = 3 };
static atomic_ulong ran, sum;
static __thread unsigned long own[16];
static void *child(void *arg) {
    for (size_t i = 0; i < COUNT(own); i++) own[i] += (unsigned long)arg;
    atomic_fetch_add(&ran, 1);
    for (size_t i = 0; i < COUNT(own); i++) atomic_fetch_add(&sum, own[i]);
    return arg;
}
static atomic_ulong wrong;
static void *maker(void *arg) {
    (void)arg;
    for (long i = 0; i < ROUNDS; i++) {
        pthread_t t[BATCH];
        for (long k = 0; k < BATCH; k++) MUST(pthread_create(&t[k], NULL, child, (void *)(i + k)));
        for (long k = 0; k < BATCH; k++) {
            void *result = NULL;
            MUST(pthread_join(t[k], &result));
            if (result != (void *)(i + k)) atomic_fetch_add(&wrong, 1);
        }
    }
    return NULL;
}
static atomic_int detached;
static void *goes_alone(void *arg) {
    (void)arg;
    atomic_fetch_add(&detached, 1);
    return NULL;
}

int main(void) {
    pthread_t t[MAKERS];
    for (int i = 0; i < MAKERS; i++) MUST(pthread_create(&t[i], NULL, maker, NULL));
    for (int i = 0; i < MAKERS; i++) MUST(pthread_join(t[i], NULL));
    SHOW(ran);
    SHOW(sum);
    SHOW(wrong);
    for (int i = 0; i < 200; i++) {
        pthread_t alone;
        MUST(pthread_create(&alone, NULL, goes_alone, NULL));
        MUST(pthread_detach(alone));
        while (atomic_load(&detached) == i) sched_yield();
    }
    SHOW(detached);
}
