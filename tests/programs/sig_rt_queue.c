#include "t.h"

static char log_[512];
static void handler(int s, siginfo_t *i, void *c) {
    (void)c;
    char one[32];
    if (s < SIGRTMIN) snprintf(one, sizeof one, "%s:%d ", sname(s), i->si_value.sival_int);
    else snprintf(one, sizeof one, "%d:%d ", s - SIGRTMIN, i->si_value.sival_int);
    strcat(log_, one);
}

int main(void) {
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigset_t block, old;
    sigemptyset(&block);
    sigfillset(&sa.sa_mask); /* one at a time */
    for (int i = 0; i < 4; i++) sigaddset(&block, SIGRTMIN + i), MUST(sigaction(SIGRTMIN + i, &sa, NULL));
    MUST(sigaction(SIGUSR1, &sa, NULL));
    sigaddset(&block, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &block, &old));
    for (int i = 0; i < 5; i++) SHOW(sigqueue(getpid(), SIGRTMIN + (i & 1) * 2, (union sigval){.sival_int = 100 + i}));
    SHOW(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 7}));
    SHOW(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = -1}));
    for (int i = 0; i < 3; i++) sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = i});
    MUST(sigprocmask(SIG_SETMASK, &old, NULL));
    STR(log_); /* lowest number first, each in the order sent; the plain one once */
    SHOW(sigqueue(getpid(), 65, (union sigval){0}));
    SHOW(sigqueue(getpid(), 0, (union sigval){0}));
    SHOW(sigqueue(999999999, SIGRTMIN, (union sigval){0}));
}
