#include "t.h"
#include <poll.h>
#include <sys/timerfd.h>

int main(void) {
    uint64_t n = 0;
    struct itimerspec v = {{0, 0}, {0, 10000000}}, old;
    int fd = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    SHOW(fcntl(fd, F_GETFD));
    SHOW(read(fd, &n, 8));
    SHOW(poll(&p, 1, 0));
    SHOW(timerfd_settime(fd, 0, &v, NULL));
    SHOW(poll(&p, 1, 5000));
    SHOW(p.revents);
    SHOW(read(fd, &n, 8));
    SHOW(n);
    SHOW(read(fd, &n, 8));
    /* periodic: the count of expirations */
    v = (struct itimerspec){{0, 2000000}, {0, 1}};
    SHOW(timerfd_settime(fd, 0, &v, NULL));
    msleep(20);
    SHOW(read(fd, &n, 4));
    SHOW(read(fd, &n, 8));
    YES(n >= 9);
    SHOW(timerfd_gettime(fd, &old));
    YES(old.it_interval.tv_nsec == 2000000 && old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 2000000);
    v = (struct itimerspec){{0, 0}, {0, 0}};
    SHOW(timerfd_settime(fd, 0, &v, &old));
    SHOW(old.it_interval.tv_nsec);
    MUST(fcntl(fd, F_SETFL, 0));
    v.it_value.tv_nsec = 1; /* long ago, however short the machine has been up */
    SHOW(timerfd_settime(fd, TFD_TIMER_ABSTIME, &v, NULL));
    SHOW(read(fd, &n, 8)); /* blocking */
    SHOW(n);
    int rt = MUST(timerfd_create(CLOCK_REALTIME, 0));
    clock_gettime(CLOCK_REALTIME, &v.it_value);
    v.it_value.tv_nsec += 5000000;
    if (v.it_value.tv_nsec >= 1000000000) v.it_value.tv_sec++, v.it_value.tv_nsec -= 1000000000;
    SHOW(timerfd_settime(rt, TFD_TIMER_ABSTIME, &v, NULL));
    SHOW(read(rt, &n, 8));
    SHOW(n);
    SHOW(write(rt, &n, 8));
    SHOW(lseek(rt, 0, SEEK_SET));
    v.it_value.tv_nsec = -1;
    SHOW(timerfd_settime(rt, 0, &v, NULL));
    OK(timerfd_create(99, 0));
    OK(timerfd_create(CLOCK_MONOTONIC, 0x10));
    SHOW(timerfd_settime(1, 0, &old, NULL));
    SHOW(timerfd_settime(999, 0, &old, NULL));
}
