#include "t.h"

static long long ns(clockid_t c) {
    struct timespec t;
    MUST(clock_gettime(c, &t));
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void) {
    struct timespec r;
    struct timeval tv;
    int steps = 0;
    long long last = ns(CLOCK_MONOTONIC);
    for (int i = 0; i < 2000; i++) {
        long long t = ns(CLOCK_MONOTONIC);
        steps += t < last, last = t;
    }
    SHOW(steps); /* never backwards */
    YES(ns(CLOCK_REALTIME) > 1700000000LL * 1000000000);
    long long a = ns(CLOCK_REALTIME), b = ns(CLOCK_MONOTONIC);
    msleep(20);
    YES(ns(CLOCK_REALTIME) - a >= 19000000);
    YES(ns(CLOCK_MONOTONIC) - b >= 20000000);
    YES(ns(CLOCK_BOOTTIME) >= b);
    YES(ns(CLOCK_MONOTONIC_RAW) > 0);
    long long coarse = ns(CLOCK_MONOTONIC_COARSE), fine = ns(CLOCK_MONOTONIC);
    YES(coarse <= fine && fine - coarse < 1000000000);
    a = ns(CLOCK_REALTIME);
    SHOW(gettimeofday(&tv, NULL));
    YES(tv.tv_sec * 1000000000LL + tv.tv_usec * 1000LL >= a - 1000);
    time_t now;
    YES(time(&now) == now);
    YES(llabs((long long)now - tv.tv_sec) <= 1);
    YES(syscall(SYS_time, NULL) - now <= 1);
    struct timespec sys;
    SHOW(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &sys)); /* system call and vDSO agree */
    YES(sys.tv_sec * 1000000000LL + sys.tv_nsec >= fine);
    SHOW(clock_getres(CLOCK_MONOTONIC, &r));
    SHOW(r.tv_sec);
    SHOW(r.tv_nsec);
    SHOW(clock_getres(CLOCK_REALTIME, &r));
    SHOW(r.tv_nsec);
    SHOW(clock_getres(CLOCK_PROCESS_CPUTIME_ID, &r));
    SHOW(r.tv_nsec);
    SHOW(clock_getres(CLOCK_MONOTONIC_COARSE, &r));
    YES(r.tv_nsec >= 1000000);
    SHOW(clock_getres(99, &r));
    SHOW(clock_gettime(99, &r));
    SHOW(clock_getres(CLOCK_MONOTONIC, NULL));
    r = (struct timespec){0, 1000000000};
    SHOW(clock_settime(CLOCK_REALTIME, &r));
    SHOW(clock_settime(CLOCK_MONOTONIC, &r));
}
