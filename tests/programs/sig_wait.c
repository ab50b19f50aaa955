#include "t.h"

static void *send_later(void *arg) {
    msleep(10);
    kill(getpid(), (int)(long)arg);
    return NULL;
}

int main(void) {
    sigset_t set;
    siginfo_t info;
    int s;
    pthread_t t;
    sigemptyset(&set);
    int all[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGRTMIN, SIGRTMIN + 1};
    for (size_t i = 0; i < COUNT(all); i++) sigaddset(&set, all[i]);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    struct timespec none = {0, 0}, some = {0, 20000000}, long_ = {20, 0}, bad = {0, -5};
    SHOW(sigtimedwait(&set, &info, &none));
    long long before = now_ns();
    SHOW(sigtimedwait(&set, &info, &some));
    YES(now_ns() - before >= 20000000);
    SHOW(sigtimedwait(&set, &info, &bad));
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 2});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 3});
    raise(SIGUSR2);
    for (int i = 0; i < 4; i++) {
        s = sigwaitinfo(&set, &info);
        printf("%s %d code %d value %d\n", sname(s), s >= SIGRTMIN ? s - SIGRTMIN : 0, info.si_code,
               info.si_code == SI_QUEUE ? info.si_value.sival_int : -1);
    }
    SHOW(sigtimedwait(&set, &info, &none));
    MUST(pthread_create(&t, NULL, send_later, (void *)SIGTERM));
    ERR(sigwait(&set, &s));
    STR(sname(s));
    MUST(pthread_join(t, NULL));
    MUST(pthread_create(&t, NULL, send_later, (void *)SIGUSR1));
    SHOW(sigtimedwait(&set, &info, &long_) == SIGUSR1);
    YES(info.si_pid == getpid());
    MUST(pthread_join(t, NULL));
    SHOW(syscall(SYS_rt_sigtimedwait, &set, &info, &none, 4));
}
