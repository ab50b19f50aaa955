#include "t.h"
#include <poll.h>
#include <sys/signalfd.h>

static void *later(void *arg) { msleep(10), kill(getpid(), SIGUSR1); return arg; }

int main(void) {
    sigset_t set;
    struct signalfd_siginfo info[3];
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGRTMIN);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    int fd = MUST(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    SHOW(fcntl(fd, F_GETFD));
    SHOW(poll(&p, 1, 0));
    SHOW(read(fd, info, sizeof info));
    raise(SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 11});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 12});
    SHOW(poll(&p, 1, 0));
    SHOW(p.revents);
    SHOW(read(fd, info, 10));
    ssize_t n = read(fd, info, sizeof info);
    SHOW(n / sizeof info[0]);
    for (int i = 0; i < 3; i++)
        printf("%s code %d value %d own pid %d\n", sname((int)info[i].ssi_signo), info[i].ssi_code,
               info[i].ssi_code == SI_QUEUE ? info[i].ssi_int : -1, info[i].ssi_pid == (unsigned)getpid());
    SHOW(poll(&p, 1, 0));
    /* blocking read */
    pthread_t t;
    MUST(fcntl(fd, F_SETFL, 0));
    MUST(pthread_create(&t, NULL, later, NULL));
    SHOW(read(fd, info, sizeof info) / sizeof info[0]);
    STR(sname((int)info[0].ssi_signo));
    MUST(pthread_join(t, NULL));
    /* the set can change */
    sigemptyset(&set), sigaddset(&set, SIGHUP);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    SHOW(signalfd(fd, &set, 0) == fd);
    raise(SIGUSR1);
    SHOW(poll(&p, 1, 0));
    raise(SIGHUP);
    SHOW(poll(&p, 1, 0));
    OK(signalfd(-1, &set, 0x40000));
    OK(signalfd(1, &set, 0));
    OK(signalfd(999, &set, 0));
    SHOW(write(fd, info, sizeof info[0]));
}
