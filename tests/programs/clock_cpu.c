#include "t.h"

static long long ns(clockid_t c) {
    struct timespec t;
    MUST(clock_gettime(c, &t));
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static volatile long sink;
static void burn(long long cpu_ns) {
    long long until = ns(CLOCK_THREAD_CPUTIME_ID) + cpu_ns;
    while (ns(CLOCK_THREAD_CPUTIME_ID) < until) for (int i = 0; i < 1000; i++) sink += i;
}
static long long thread_used;
static void *run(void *arg) {
    burn(20000000);
    thread_used = ns(CLOCK_THREAD_CPUTIME_ID);
    return arg;
}

int main(void) {
    pthread_t t;
    clockid_t c;
    long long p0 = ns(CLOCK_PROCESS_CPUTIME_ID), t0 = ns(CLOCK_THREAD_CPUTIME_ID);
    msleep(50);
    YES(ns(CLOCK_THREAD_CPUTIME_ID) - t0 < 40000000); /* sleeping is free */
    MUST(pthread_create(&t, NULL, run, NULL));
    ERR(pthread_getcpuclockid(t, &c));
    MUST(pthread_join(t, NULL));
    YES(thread_used >= 20000000);
    YES(ns(CLOCK_PROCESS_CPUTIME_ID) - p0 >= 20000000); /* counts finished threads */
    YES(ns(CLOCK_THREAD_CPUTIME_ID) - t0 < ns(CLOCK_PROCESS_CPUTIME_ID) - p0);
    burn(10000000);
    YES(ns(CLOCK_PROCESS_CPUTIME_ID) - p0 >= 30000000);
    ERR(clock_getcpuclockid(0, &c));
    YES(ns(c) - p0 >= 30000000);
    ERR(pthread_getcpuclockid(pthread_self(), &c));
    YES(ns(c) >= 10000000);
    struct rusage u;
    SHOW(getrusage(RUSAGE_SELF, &u));
    YES(u.ru_utime.tv_sec * 1000000LL + u.ru_utime.tv_usec + u.ru_stime.tv_sec * 1000000LL + u.ru_stime.tv_usec >= 20000);
    YES(u.ru_maxrss > 100);
    YES(u.ru_minflt > 0);
    SHOW(getrusage(RUSAGE_THREAD, &u));
    SHOW(getrusage(RUSAGE_CHILDREN, &u));
    SHOW(u.ru_utime.tv_sec + u.ru_utime.tv_usec);
    SHOW(getrusage(55, &u));
}
