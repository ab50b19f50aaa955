#include "t.h"

static void *square(void *arg) { return (void *)((long)arg * (long)arg); }
static void *quit(void *arg) { pthread_exit((char *)arg + 1); }
static pthread_t self_seen;
static void *see(void *arg) { self_seen = pthread_self(); return arg; }

int main(void) {
    pthread_t t[10];
    void *r;
    long sum = 0;
    for (long i = 0; i < 10; i++) ERR(pthread_create(&t[i], NULL, square, (void *)i));
    for (int i = 9; i >= 0; i--) {
        MUST(pthread_join(t[i], &r));
        sum += (long)r;
    }
    SHOW(sum);
    MUST(pthread_create(&t[0], NULL, quit, (void *)41));
    ERR(pthread_join(t[0], &r));
    SHOW((long)r);
    MUST(pthread_create(&t[0], NULL, see, NULL));
    ERR(pthread_join(t[0], NULL));
    YES(pthread_equal(self_seen, t[0]));
    ERR(pthread_join(pthread_self(), NULL));
    YES(tid_() == getpid());
    /* one after the other: stacks are used again */
    for (int i = 0; i < 200; i++) {
        MUST(pthread_create(&t[0], NULL, square, (void *)2));
        MUST(pthread_join(t[0], &r));
        sum += (long)r;
    }
    SHOW(sum);
}
