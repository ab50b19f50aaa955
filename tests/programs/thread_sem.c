#include "t.h"
#include <semaphore.h>

static sem_t items, space;
static int ring[4], in, out;
static void *producer(void *arg) {
    for (int i = 1; i <= 100; i++) {
        sem_wait(&space);
        ring[in++ % 4] = i;
        sem_post(&items);
    }
    return arg;
}

int main(void) {
    pthread_t t;
    long sum = 0, disorder = 0;
    int value;
    SHOW(sem_init(&items, 0, 0));
    SHOW(sem_init(&space, 0, 4));
    MUST(pthread_create(&t, NULL, producer, NULL));
    for (int i = 1; i <= 100; i++) {
        sem_wait(&items);
        int got = ring[out++ % 4];
        sum += got, disorder += got != i;
        sem_post(&space);
    }
    MUST(pthread_join(t, NULL));
    SHOW(sum);
    SHOW(disorder);
    SHOW(sem_getvalue(&space, &value));
    SHOW(value);
    SHOW(sem_trywait(&items));
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec -= 1;
    SHOW(sem_timedwait(&items, &until));
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    SHOW(sem_timedwait(&items, &until));
    until.tv_nsec = 1000000000;
    SHOW(sem_timedwait(&items, &until));
    SHOW(sem_post(&items));
    SHOW(sem_timedwait(&items, &until));
    /* named ones live in /dev/shm */
    sem_t *named = sem_open("/pith-test-sem", O_CREAT | O_EXCL, 0600, 2);
    YES(named != SEM_FAILED);
    SHOW(sem_trywait(named));
    SHOW(sem_unlink("/pith-test-sem"));
    YES(sem_open("/pith-test-sem", 0) == SEM_FAILED);
}
