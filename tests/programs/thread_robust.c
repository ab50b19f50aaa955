#include "t.h"

static pthread_mutex_t m;
static void *die(void *arg) { pthread_mutex_lock(&m); return arg; }
static void *wait_for_it(void *arg) {
    (void)arg;
    return (void *)(long)pthread_mutex_lock(&m);
}
static volatile int locked;
static void *die_late(void *arg) { pthread_mutex_lock(&m); locked = 1; msleep(30); return arg; }

int main(void) {
    pthread_mutexattr_t a;
    pthread_t t, u;
    void *r;
    pthread_mutexattr_init(&a);
    ERR(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST));
    ERR(pthread_mutex_init(&m, &a));
    MUST(pthread_create(&t, NULL, die, NULL));
    MUST(pthread_join(t, NULL));
    ERR(pthread_mutex_lock(&m));
    ERR(pthread_mutex_consistent(&m));
    ERR(pthread_mutex_unlock(&m));
    ERR(pthread_mutex_lock(&m));
    ERR(pthread_mutex_unlock(&m));
    /* the waiter is woken by the owner's death */
    MUST(pthread_create(&t, NULL, die_late, NULL));
    while (!locked) sched_yield();
    MUST(pthread_create(&u, NULL, wait_for_it, NULL));
    MUST(pthread_join(u, &r));
    printf("waiter: %s\n", ename((int)(long)r));
    MUST(pthread_join(t, NULL));
    /* the waiter died with it too, without making it consistent */
    ERR(pthread_mutex_lock(&m));
    ERR(pthread_mutex_unlock(&m));
    ERR(pthread_mutex_lock(&m));
    struct { void *next; long offset; void *pending; } head = {&head, 0, NULL};
    SHOW(syscall(SYS_set_robust_list, &head, 23));
    void *got;
    size_t length;
    SHOW(syscall(SYS_get_robust_list, 0, &got, &length));
    SHOW(length);
}
