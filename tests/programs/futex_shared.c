#include "t.h"
#include <linux/futex.h>

/* one word seen at two addresses: shared futexes meet, private ones do not */
static uint32_t *one, *two;
static volatile int woken;
static void *waiter(void *arg) {
    while (syscall(SYS_futex, one, FUTEX_WAIT, 0, NULL) == -1 && errno == EINTR) {}
    woken = 1;
    return arg;
}

int main(void) {
    pthread_t t;
    int fd = MUST(memfd_create("f", 0));
    MUST(ftruncate(fd, PAGE));
    one = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    two = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    YES(one != two);
    MUST(pthread_create(&t, NULL, waiter, NULL));
    msleep(30);
    SHOW(syscall(SYS_futex, two, FUTEX_WAKE_PRIVATE, 1));
    SHOW(syscall(SYS_futex, two + 1, FUTEX_WAKE, 1));
    SHOW(woken);
    while (syscall(SYS_futex, two, FUTEX_WAKE, 1) != 1) sched_yield();
    MUST(pthread_join(t, NULL));
    SHOW(woken);
    /* a process-shared mutex and condition in that memory */
    struct { pthread_mutex_t m; } *s = (void *)(one + 16), *u = (void *)(two + 16);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    ERR(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
    ERR(pthread_mutex_init(&s->m, &a));
    ERR(pthread_mutex_lock(&s->m));
    ERR(pthread_mutex_trylock(&u->m));
    ERR(pthread_mutex_unlock(&u->m));
    ERR(pthread_mutex_trylock(&s->m));
}
