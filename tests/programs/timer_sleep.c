#include "t.h"

static long long start;
static void begin(void) { start = now_ns(); }
static long past(void) { return (now_ns() - start) / 1000000; }

int main(void) {
    struct timespec t = {0, 20000000}, left;
    begin();
    SHOW(nanosleep(&t, NULL));
    YES(past() >= 20 && past() < 5000);
    begin();
    SHOW(usleep(5000));
    YES(past() >= 5);
    t = (struct timespec){0, 0};
    SHOW(nanosleep(&t, &left));
    t = (struct timespec){0, 1000000000};
    SHOW(nanosleep(&t, NULL));
    t = (struct timespec){-1, 0};
    SHOW(nanosleep(&t, NULL));
    SHOW(syscall(SYS_nanosleep, 8, NULL));
    int clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
    for (size_t i = 0; i < COUNT(clocks); i++) {
        begin();
        t = (struct timespec){0, 10000000};
        ERR(clock_nanosleep(clocks[i], 0, &t, NULL));
        YES(past() >= 10);
        begin();
        clock_gettime(clocks[i], &t);
        t.tv_nsec += 10000000;
        if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
        ERR(clock_nanosleep(clocks[i], TIMER_ABSTIME, &t, NULL));
        YES(past() >= 9);
        begin();
        t = (struct timespec){0, 1}; /* long ago, however short the machine has been up */
        ERR(clock_nanosleep(clocks[i], TIMER_ABSTIME, &t, NULL));
    }
    t = (struct timespec){0, -1};
    ERR(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL));
    t = (struct timespec){0, 1};
    SHOW(-syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL) != 0);
    SHOW(syscall(SYS_clock_nanosleep, 99, 0, &t, NULL));
}
