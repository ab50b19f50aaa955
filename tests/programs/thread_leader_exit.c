#include "t.h"

/* raw exit of the first thread with 5, then of the last one with 7: the status is the last one's (Linux 6.0 and later) */
static volatile int left;
static void *last(void *arg) {
    while (!left) sched_yield();
    msleep(20);
    YES(getpid() != tid_());
    SHOW(kill(getpid(), 0));
    puts("last one out");
    syscall(SYS_exit, 7);
    return arg;
}

int main(void) {
    pthread_t t;
    MUST(pthread_create(&t, NULL, last, NULL));
    left = 1;
    syscall(SYS_exit, 5);
}
