#include "t.h"
#include <linux/futex.h>

static uint32_t word;
static volatile int woken[4];
static void *waiter(void *arg) {
    long i = (long)arg;
    while (syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 1u << i) == -1 && errno == EINTR) {}
    woken[i] = 1;
    return arg;
}
static long wake(int n, uint32_t bits) { return syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, n, NULL, NULL, bits); }

int main(void) {
    pthread_t t[4];
    for (long i = 0; i < 4; i++) MUST(pthread_create(&t[i], NULL, waiter, (void *)i));
    msleep(100);
    SHOW(wake(4, 0x10));
    while (wake(4, 0x4) != 1) sched_yield();
    MUST(pthread_join(t[2], NULL));
    printf("%d%d%d%d\n", woken[0], woken[1], woken[2], woken[3]);
    while (wake(4, 0x1) != 1) sched_yield();
    MUST(pthread_join(t[0], NULL));
    printf("%d%d%d%d\n", woken[0], woken[1], woken[2], woken[3]);
    msleep(100);
    SHOW(wake(4, 0xffffffff));
    MUST(pthread_join(t[1], NULL));
    MUST(pthread_join(t[3], NULL));
    printf("%d%d%d%d\n", woken[0], woken[1], woken[2], woken[3]);
    SHOW(wake(1, 0));
    SHOW(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 0));
}
