#include "t.h"
#include <linux/futex.h>

static uint32_t word, turn;
static long futex(uint32_t *a, int op, uint32_t v, void *t) { return syscall(SYS_futex, a, op, v, t, NULL, 0); }
static volatile int woken;
static void *waiter(void *arg) {
    while (futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL) == -1 && errno == EINTR) {}
    __sync_fetch_and_add(&woken, 1);
    return arg;
}
static void *ping(void *arg) {
    for (uint32_t i = 0; i < 50; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 2 * i + 1)
            futex(&turn, FUTEX_WAIT_PRIVATE, 2 * i, NULL);
        __atomic_store_n(&turn, 2 * i + 2, __ATOMIC_RELEASE);
        futex(&turn, FUTEX_WAKE_PRIVATE, 1, NULL);
    }
    return arg;
}

int main(void) {
    pthread_t t[5];
    int n = 0, all = 0;
    SHOW(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL));
    SHOW(futex(&word, FUTEX_WAIT_PRIVATE, 1, NULL));
    for (int i = 0; i < 5; i++) MUST(pthread_create(&t[i], NULL, waiter, NULL));
    while (n < 2) { /* never more than asked for */
        long r = futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL);
        n += (int)r, all += r > 1;
        sched_yield();
    }
    SHOW(all);
    while (woken < 2) sched_yield();
    msleep(30); /* the other three sleep by now, and go on sleeping */
    SHOW(woken);
    SHOW(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL));
    for (int i = 0; i < 5; i++) MUST(pthread_join(t[i], NULL));
    SHOW(woken);
    SHOW(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL));
    MUST(pthread_create(&t[0], NULL, ping, NULL));
    for (uint32_t i = 0; i < 50; i++) {
        __atomic_store_n(&turn, 2 * i + 1, __ATOMIC_RELEASE);
        futex(&turn, FUTEX_WAKE_PRIVATE, 1, NULL);
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 2 * i + 2)
            futex(&turn, FUTEX_WAIT_PRIVATE, 2 * i + 1, NULL);
    }
    MUST(pthread_join(t[0], NULL));
    SHOW(turn);
}
