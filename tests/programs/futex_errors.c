#include "t.h"
#include <linux/futex.h>

static uint32_t words[2];

int main(void) {
    uint32_t *odd = (uint32_t *)((char *)words + 1);
    struct timespec t = {0, 1000000};
    SHOW(syscall(SYS_futex, odd, FUTEX_WAIT, 0, &t));
    SHOW(syscall(SYS_futex, odd, FUTEX_WAKE, 1, NULL));
    SHOW(syscall(SYS_futex, NULL, FUTEX_WAIT, 0, &t));
    SHOW(syscall(SYS_futex, 4096, FUTEX_WAIT_PRIVATE, 0, &t));
    SHOW(syscall(SYS_futex, words, 0x7f, 0, &t));
    SHOW(syscall(SYS_futex, words, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, &t));
    SHOW(syscall(SYS_futex, words, FUTEX_WAKE, 1, &t));
    uint32_t *ro = MUST(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    SHOW(syscall(SYS_futex, ro, FUTEX_WAIT_PRIVATE, 0, &t));
    SHOW(syscall(SYS_futex, ro, FUTEX_WAIT_PRIVATE, 1, &t));
    MUST(munmap(ro, PAGE));
    SHOW(syscall(SYS_futex, ro, FUTEX_WAIT_PRIVATE, 0, &t));
    SHOW(syscall(SYS_futex, ro, FUTEX_WAKE_PRIVATE, 1, NULL)); /* private wakes do not look at the page */
}
