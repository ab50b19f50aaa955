#include "t.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int alive, most, go;
static long sum;
static void *run(void *arg) {
    char stack[8192];
    memset(stack, (int)(long)arg, sizeof stack);
    pthread_mutex_lock(&m);
    if (++alive > most) most = alive;
    pthread_cond_broadcast(&c);
    while (!go) pthread_cond_wait(&c, &m);
    sum += stack[100];
    alive--;
    pthread_mutex_unlock(&m);
    return NULL;
}

int main(void) {
    pthread_t t[64];
    for (long i = 0; i < 64; i++) MUST(pthread_create(&t[i], NULL, run, (void *)i));
    pthread_mutex_lock(&m);
    while (alive < 64) pthread_cond_wait(&c, &m);
    go = 1;
    pthread_cond_broadcast(&c);
    pthread_mutex_unlock(&m);
    for (int i = 0; i < 64; i++) MUST(pthread_join(t[i], NULL));
    SHOW(most);
    SHOW(alive);
    SHOW(sum);
}
