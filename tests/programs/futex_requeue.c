#include "t.h"
#include <linux/futex.h>

static uint32_t a = 3, b;
static volatile int woken;
static void *waiter(void *arg) {
    while (syscall(SYS_futex, &a, FUTEX_WAIT_PRIVATE, 3, NULL) == -1 && errno == EINTR) {}
    __sync_fetch_and_add(&woken, 1);
    return arg;
}

int main(void) {
    pthread_t t[5];
    for (int i = 0; i < 5; i++) MUST(pthread_create(&t[i], NULL, waiter, NULL));
    msleep(150);
    SHOW(syscall(SYS_futex, &a, FUTEX_CMP_REQUEUE_PRIVATE, 1, 10L, &b, 4)); /* *a is 3 */
    SHOW(syscall(SYS_futex, &a, FUTEX_CMP_REQUEUE_PRIVATE, 1, 2L, &b, 3)); /* one woken, two moved */
    while (woken < 1) sched_yield();
    SHOW(syscall(SYS_futex, &b, FUTEX_WAKE_PRIVATE, 10));
    while (woken < 3) sched_yield();
    SHOW(syscall(SYS_futex, &a, FUTEX_REQUEUE_PRIVATE, 0, 10L, &b, 0));
    SHOW(syscall(SYS_futex, &a, FUTEX_WAKE_PRIVATE, 10));
    SHOW(syscall(SYS_futex, &b, FUTEX_WAKE_PRIVATE, 1));
    SHOW(syscall(SYS_futex, &b, FUTEX_WAKE_PRIVATE, 1));
    for (int i = 0; i < 5; i++) MUST(pthread_join(t[i], NULL));
    SHOW(woken);
    SHOW(syscall(SYS_futex, &a, FUTEX_CMP_REQUEUE_PRIVATE, -1, 1L, &b, 3));
    /* WAKE_OP: b = 7 (set), old b compared with 0 */
    SHOW(syscall(SYS_futex, &a, FUTEX_WAKE_OP_PRIVATE, 1, 1L, &b, FUTEX_OP(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 0)));
    SHOW(b);
    SHOW(syscall(SYS_futex, &a, FUTEX_WAKE_OP_PRIVATE, 1, 1L, &b, FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_GT, 3)));
    SHOW(b);
}
