#include "t.h"

static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int onces, serials, phase[5], wrong;
static void first(void) { onces++, msleep(5); }
static void *run(void *arg) {
    for (int p = 0; p < 5; p++) {
        pthread_once(&once, first);
        if (onces != 1) __sync_fetch_and_add(&wrong, 1);
        __sync_fetch_and_add(&phase[p], 1);
        int r = pthread_barrier_wait(&barrier);
        if (r == PTHREAD_BARRIER_SERIAL_THREAD) __sync_fetch_and_add(&serials, 1);
        if (phase[p] != 6) __sync_fetch_and_add(&wrong, 1);
    }
    return arg;
}

int main(void) {
    pthread_t t[6];
    ERR(pthread_barrier_init(&barrier, NULL, 6));
    for (int i = 0; i < 6; i++) MUST(pthread_create(&t[i], NULL, run, NULL));
    for (int i = 0; i < 6; i++) MUST(pthread_join(t[i], NULL));
    SHOW(onces);
    SHOW(serials);
    SHOW(wrong);
    ERR(pthread_barrier_destroy(&barrier));
    ERR(pthread_barrier_init(&barrier, NULL, 0));
}
