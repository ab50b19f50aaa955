#include "t.h"

/* what a handled signal does to a blocked call, with SA_RESTART and without */
static int fds[2];
static volatile int hits, stop, tid, feed;
static void handler(int s) { (void)s, hits++; }
static void *poke(void *arg) {
    while (!stop) {
        msleep(3);
        syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
        if (feed && hits > 5) feed = 0, write(fds[1], "x", 1);
    }
    return arg;
}

int main(void) {
    pthread_t t;
    char c;
    struct sigaction sa = {.sa_handler = handler};
    tid = tid_();
    MUST(pipe(fds));
    MUST(sigaction(SIGUSR1, &sa, NULL));
    MUST(pthread_create(&t, NULL, poke, NULL));
    SHOW(read(fds[0], &c, 1));
    struct timespec ten = {10, 0}, left = {0};
    SHOW(nanosleep(&ten, &left));
    YES(left.tv_sec >= 8 && left.tv_sec < 10);
    SHOW(clock_nanosleep(CLOCK_MONOTONIC, 0, &ten, NULL) == EINTR);
    SHOW(pause());
    sigset_t none;
    sigemptyset(&none);
    SHOW(sigsuspend(&none));
    sa.sa_flags = SA_RESTART;
    MUST(sigaction(SIGUSR1, &sa, NULL));
    hits = 0, feed = 1;
    SHOW(read(fds[0], &c, 1));
    YES(hits > 5);
    SHOW(nanosleep(&ten, &left)); /* never restarted */
    SHOW(pause());
    SHOW(sigsuspend(&none));
    stop = 1;
    MUST(pthread_join(t, NULL));
}
