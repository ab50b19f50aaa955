#include "t.h"
#include <dlfcn.h>

static long long ns(struct timespec t) { return t.tv_sec * 1000000000LL + t.tv_nsec; }

int main(void) {
    void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
    YES(vdso != NULL);
    int (*gettime)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlvsym(vdso, "__vdso_clock_gettime", "LINUX_2.6");
    int (*timeofday)(struct timeval *, void *) = (int (*)(struct timeval *, void *))dlvsym(vdso, "__vdso_gettimeofday", "LINUX_2.6");
    int (*cpu)(unsigned *, unsigned *, void *) = (int (*)(unsigned *, unsigned *, void *))dlvsym(vdso, "__vdso_getcpu", "LINUX_2.6");
    time_t (*seconds)(time_t *) = (time_t(*)(time_t *))dlvsym(vdso, "__vdso_time", "LINUX_2.6");
    YES(gettime != NULL), YES(timeofday != NULL), YES(cpu != NULL), YES(seconds != NULL);
    if (!gettime || !timeofday || !cpu || !seconds) return 1;
    /* between two system calls lies what it says, for every clock */
    clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE};
    for (size_t i = 0; i < COUNT(clocks); i++) {
        int wrong = 0;
        for (int k = 0; k < 200; k++) {
            struct timespec a, b, c;
            wrong += syscall(SYS_clock_gettime, clocks[i], &a) != 0;
            wrong += gettime(clocks[i], &b) != 0;
            wrong += syscall(SYS_clock_gettime, clocks[i], &c) != 0;
            wrong += ns(a) > ns(b) || ns(b) > ns(c);
        }
        printf("clock %d: %d wrong\n", clocks[i], wrong);
    }
    struct timespec t;
    SHOW(gettime(77, &t));
    SHOW(gettime(CLOCK_THREAD_CPUTIME_ID, &t));
    struct timeval v;
    struct timezone z = {1, 1};
    SHOW(timeofday(&v, &z));
    SHOW(z.tz_minuteswest);
    time_t before = syscall(SYS_time, NULL), stored = 0, now = seconds(&stored), after = syscall(SYS_time, NULL);
    YES(before <= now && now <= after && stored == now);
    YES(v.tv_sec <= now);
    unsigned number = 99, node = 99;
    SHOW(cpu(&number, &node, NULL));
    YES(number < 1024 && node < 64);
}
