#include "t.h"

/* storms on mutexes and condition variables: tokens go around a ring, and a bounded buffer between many */
enum { RING = 8, LAPS = 400, PRODUCERS = 4, CONSUMERS = 4, ITEMS = 3000, SLOTS = 7 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn[RING], room = PTHREAD_COND_INITIALIZER, item = PTHREAD_COND_INITIALIZER;
static int whose, passes;

static void *member(void *arg) {
    int me = (int)(long)arg;
    for (int i = 0; i < LAPS; i++) {
        pthread_mutex_lock(&lock);
        while (whose != me) pthread_cond_wait(&turn[me], &lock);
        whose = (me + 1) % RING;
        passes++;
        pthread_cond_signal(&turn[whose]);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static pthread_mutex_t buffer_lock = PTHREAD_MUTEX_INITIALIZER;
static long buffer[SLOTS], used, taken, total;

static void *producer(void *arg) {
    for (long i = 0; i < ITEMS; i++) {
        pthread_mutex_lock(&buffer_lock);
        while (used == SLOTS) pthread_cond_wait(&room, &buffer_lock);
        buffer[used++] = (long)arg * ITEMS + i;
        pthread_cond_signal(&item);
        pthread_mutex_unlock(&buffer_lock);
    }
    return NULL;
}

static void *consumer(void *arg) {
    (void)arg;
    for (;;) {
        pthread_mutex_lock(&buffer_lock);
        while (!used && taken < (long)PRODUCERS * ITEMS) pthread_cond_wait(&item, &buffer_lock);
        if (!used) {
            pthread_mutex_unlock(&buffer_lock);
            return NULL;
        }
        total += buffer[--used];
        if (++taken == (long)PRODUCERS * ITEMS) pthread_cond_broadcast(&item);
        pthread_cond_signal(&room);
        pthread_mutex_unlock(&buffer_lock);
    }
}

int main(void) {
    pthread_t t[RING];
    for (int i = 0; i < RING; i++) pthread_cond_init(&turn[i], NULL);
    for (long i = 0; i < RING; i++) MUST(pthread_create(&t[i], NULL, member, (void *)i));
    for (int i = 0; i < RING; i++) MUST(pthread_join(t[i], NULL));
    SHOW(passes);
    SHOW(whose);
    pthread_t p[PRODUCERS], c[CONSUMERS];
    for (long i = 0; i < CONSUMERS; i++) MUST(pthread_create(&c[i], NULL, consumer, NULL));
    for (long i = 0; i < PRODUCERS; i++) MUST(pthread_create(&p[i], NULL, producer, (void *)i));
    for (int i = 0; i < PRODUCERS; i++) MUST(pthread_join(p[i], NULL));
    for (int i = 0; i < CONSUMERS; i++) MUST(pthread_join(c[i], NULL));
    SHOW(taken);
    SHOW(used);
    SHOW(total);
}
