#include "t.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER, d = PTHREAD_COND_INITIALIZER;
static int turn, waiting, go;
static char log_[128];

static void *player(void *arg) {
    int me = (int)(long)arg;
    for (int i = 0; i < 20; i++) {
        pthread_mutex_lock(&m);
        while (turn != me) pthread_cond_wait(&c, &m);
        strcat(log_, me ? "o" : "i");
        turn = !me;
        pthread_cond_broadcast(&c);
        pthread_mutex_unlock(&m);
    }
    return NULL;
}
static void *crowd(void *arg) {
    pthread_mutex_lock(&m);
    waiting++;
    while (!go) pthread_cond_wait(&d, &m);
    waiting--;
    pthread_mutex_unlock(&m);
    return arg;
}

int main(void) {
    pthread_t t[8];
    for (long i = 0; i < 2; i++) MUST(pthread_create(&t[i], NULL, player, (void *)i));
    for (int i = 0; i < 2; i++) MUST(pthread_join(t[i], NULL));
    STR(log_);
    for (int i = 0; i < 8; i++) MUST(pthread_create(&t[i], NULL, crowd, NULL));
    for (int all = 0; !all; sched_yield()) {
        pthread_mutex_lock(&m);
        all = waiting == 8;
        pthread_mutex_unlock(&m);
    }
    pthread_mutex_lock(&m);
    go = 1;
    ERR(pthread_cond_broadcast(&d));
    pthread_mutex_unlock(&m);
    for (int i = 0; i < 8; i++) MUST(pthread_join(t[i], NULL));
    SHOW(waiting);
    /* a time-out on both clocks */
    pthread_condattr_t a;
    pthread_cond_t mono;
    pthread_condattr_init(&a);
    ERR(pthread_condattr_setclock(&a, CLOCK_MONOTONIC));
    pthread_cond_init(&mono, &a);
    struct timespec until;
    pthread_mutex_lock(&m);
    long long before = now_ns();
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (until.tv_nsec + 30000000) / 1000000000, until.tv_nsec = (until.tv_nsec + 30000000) % 1000000000;
    ERR(pthread_cond_timedwait(&mono, &m, &until));
    YES(now_ns() - before >= 30000000);
    before = now_ns();
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (until.tv_nsec + 30000000) / 1000000000, until.tv_nsec = (until.tv_nsec + 30000000) % 1000000000;
    ERR(pthread_cond_timedwait(&c, &m, &until));
    YES(now_ns() - before >= 29000000);
    until.tv_sec = 0;
    ERR(pthread_cond_timedwait(&c, &m, &until));
    ERR(pthread_mutex_unlock(&m));
}
