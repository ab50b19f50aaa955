#include "t.h"

/* the handler changes the mask that its return will restore, and leaves by longjmp with and without it */
static volatile int hits;
static sigjmp_buf jump;
static void handler(int s, siginfo_t *i, void *context) {
    (void)s, (void)i, hits++;
    sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
}
static void leave(int s) { (void)s, siglongjmp(jump, 5); }
static int blocked(int s) {
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    return sigismember(&now, s);
}

int main(void) {
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    MUST(sigaction(SIGUSR1, &sa, NULL));
    SHOW(blocked(SIGUSR2));
    raise(SIGUSR1);
    SHOW(hits);
    SHOW(blocked(SIGUSR2));
    SHOW(blocked(SIGUSR1));
    signal(SIGTERM, leave);
    volatile int times = 0;
    int r = sigsetjmp(jump, 1);
    SHOW(r);
    SHOW(blocked(SIGTERM));
    if (times++ < 2) raise(SIGTERM);
    times = 0;
    r = sigsetjmp(jump, 0);
    SHOW(r);
    SHOW(blocked(SIGTERM)); /* still blocked after the jump: the mask was not saved */
    if (times++ < 1) raise(SIGTERM);
}
