#include "t.h"

static __thread int zero;
static __thread long set = 0x1234567890;
static __thread char text[64] = "initial";
static __thread int aligned __attribute__((aligned(64))) = 3;
static pthread_key_t key, second;
static int destroyed, rounds;
static char order[32];
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static void destroy(void *v) { destroyed += (int)(long)v; }
static void again(void *v) {
    strcat(order, "x");
    if ((long)v > 1) pthread_setspecific(second, (void *)((long)v - 1)), rounds++;
}
static void *run(void *arg) {
    long me = (long)arg;
    int bad = zero != 0 || set != 0x1234567890 || strcmp(text, "initial") || aligned != 3 || (uintptr_t)&aligned % 64;
    zero = (int)me, set = me, text[0] = (char)('a' + me);
    for (int i = 0; i < 20; i++) {
        sched_yield();
        bad += zero != me || set != me || text[0] != 'a' + me;
    }
    bad += pthread_getspecific(key) != NULL;
    pthread_mutex_lock(&m);
    pthread_setspecific(key, (void *)me);
    pthread_mutex_unlock(&m);
    bad += errno = 0;
    return (void *)(long)bad;
}
static void *rounds_run(void *arg) { pthread_setspecific(second, arg); return NULL; }

int main(void) {
    pthread_t t[8];
    void *r;
    ERR(pthread_key_create(&key, destroy));
    ERR(pthread_key_create(&second, again));
    zero = 99;
    for (long i = 0; i < 8; i++) {
        MUST(pthread_create(&t[i], NULL, run, (void *)(i + 1)));
        MUST(pthread_join(t[i], &r));
        SHOW((long)r);
    }
    SHOW(destroyed);
    SHOW(zero);
    STR(text);
    MUST(pthread_create(&t[0], NULL, rounds_run, (void *)3));
    MUST(pthread_join(t[0], NULL));
    STR(order);
    SHOW(rounds);
    ERR(pthread_key_delete(key));
    ERR(pthread_setspecific(key, &key));
}
