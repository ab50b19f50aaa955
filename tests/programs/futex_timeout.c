#include "t.h"
#include <linux/futex.h>

static uint32_t word;
static long futex(int op, uint32_t v, void *t, uint32_t bits) { return syscall(SYS_futex, &word, op, v, t, NULL, bits); }
static struct timespec in(clockid_t clock, long ms) {
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += ms * 1000000;
    while (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    while (t.tv_nsec < 0) t.tv_sec--, t.tv_nsec += 1000000000;
    return t;
}

int main(void) {
    struct timespec t = {0, 20000000};
    long long before = now_ns();
    SHOW(futex(FUTEX_WAIT, 0, &t, 0)); /* relative */
    YES(now_ns() - before >= 20000000);
    t = (struct timespec){0, 0};
    SHOW(futex(FUTEX_WAIT_PRIVATE, 0, &t, 0));
    before = now_ns(), t = in(CLOCK_MONOTONIC, 20);
    SHOW(futex(FUTEX_WAIT_BITSET_PRIVATE, 0, &t, FUTEX_BITSET_MATCH_ANY)); /* absolute */
    YES(now_ns() - before >= 19000000);
    before = now_ns(), t = in(CLOCK_REALTIME, 20);
    SHOW(futex(FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &t, FUTEX_BITSET_MATCH_ANY));
    YES(now_ns() - before >= 19000000);
    t = in(CLOCK_MONOTONIC, -50), before = now_ns();
    SHOW(futex(FUTEX_WAIT_BITSET_PRIVATE, 0, &t, FUTEX_BITSET_MATCH_ANY)); /* in the past */
    t = (struct timespec){0, 1000000000};
    SHOW(futex(FUTEX_WAIT, 0, &t, 0));
    t = (struct timespec){0, -1};
    SHOW(futex(FUTEX_WAIT, 0, &t, 0));
    t = (struct timespec){-1, 0};
    SHOW(futex(FUTEX_WAIT, 0, &t, 0));
    SHOW(futex(FUTEX_WAIT, 0, (void *)8, 0));
    SHOW(futex(FUTEX_WAIT, 1, &t, 0));
    t = (struct timespec){0, 0};
    SHOW(futex(FUTEX_WAIT, 1, &t, 0));
}
