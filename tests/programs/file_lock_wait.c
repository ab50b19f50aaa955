#include "t.h"
#include <sys/file.h>

/* blocked lockers wake when the holder lets go, also when it closes */
static volatile int step;
static void *holder(void *arg) {
    int fd = MUST(open("f", O_RDWR));
    struct flock l = {.l_type = F_WRLCK};
    MUST(flock(fd, LOCK_EX)), MUST(fcntl(fd, F_OFD_SETLK, &l));
    step = 1;
    msleep(20);
    puts("holder lets go of flock");
    MUST(flock(fd, LOCK_UN));
    while (step != 2) sched_yield();
    msleep(20);
    puts("holder closes");
    close(fd);
    return arg;
}

int main(void) {
    pthread_t t;
    in_tmp();
    put("f", "x");
    int fd = MUST(open("f", O_RDWR));
    struct flock l = {.l_type = F_WRLCK};
    MUST(pthread_create(&t, NULL, holder, NULL));
    while (!step) sched_yield();
    SHOW(flock(fd, LOCK_EX | LOCK_NB));
    SHOW(flock(fd, LOCK_EX));
    SHOW(fcntl(fd, F_OFD_SETLK, &l));
    step = 2;
    SHOW(fcntl(fd, F_OFD_SETLKW, &l));
    MUST(pthread_join(t, NULL));
}
