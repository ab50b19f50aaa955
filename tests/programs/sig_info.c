#include "t.h"

static siginfo_t seen;
static void handler(int s, siginfo_t *i, void *c) { (void)s, (void)c, seen = *i; }
static void show(const char *how) {
    printf("%s: %s code %d errno %d own pid %d own uid %d value %d\n", how, sname(seen.si_signo), seen.si_code,
           seen.si_errno, seen.si_pid == getpid(), seen.si_uid == getuid(),
           seen.si_code == SI_QUEUE ? seen.si_value.sival_int : 0);
    memset(&seen, 0, sizeof seen);
}

int main(void) {
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO}, old;
    MUST(sigaction(SIGUSR1, &sa, NULL));
    kill(getpid(), SIGUSR1), show("kill");
    raise(SIGUSR1), show("raise");
    syscall(SYS_tgkill, getpid(), tid_(), SIGUSR1), show("tgkill");
    syscall(SYS_tkill, tid_(), SIGUSR1), show("tkill");
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 55}), show("sigqueue");
    pthread_kill(pthread_self(), SIGUSR1), show("pthread_kill");
    siginfo_t own = {.si_signo = SIGUSR1, .si_code = -60};
    own.si_pid = getpid(), own.si_uid = getuid();
    SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &own));
    show("rt_sigqueueinfo");
    SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid_(), SIGUSR1, &own));
    show("rt_tgsigqueueinfo");
    SHOW(sigaction(SIGUSR1, NULL, &old));
    YES(old.sa_sigaction == handler);
    YES(old.sa_flags & SA_SIGINFO);
}
