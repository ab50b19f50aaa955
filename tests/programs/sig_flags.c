#include "t.h"

static volatile int depth, deepest, blocked, count;
static void handler(int s) {
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    blocked = sigismember(&now, s) + 10 * sigismember(&now, SIGTERM);
    if (++depth > deepest) deepest = depth;
    if (++count < 4) raise(s);
    depth--;
}
static void run(const char *what, int flags, int term) {
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags}, after;
    if (term) sigaddset(&sa.sa_mask, SIGTERM);
    depth = deepest = count = 0;
    MUST(sigaction(SIGUSR1, &sa, NULL));
    if (flags & SA_RESETHAND) count = 4;
    raise(SIGUSR1);
    MUST(sigaction(SIGUSR1, NULL, &after));
    printf("%s: depth %d, count %d, blocked %d, default afterwards %d\n", what, deepest, count, blocked,
           after.sa_handler == SIG_DFL);
}

int main(void) {
    run("plain", 0, 0);
    run("SA_NODEFER", SA_NODEFER, 0);
    run("sa_mask", 0, 1);
    run("SA_NODEFER and sa_mask", SA_NODEFER, 1);
    run("SA_RESETHAND", (int)SA_RESETHAND, 0);
    struct sigaction sa = {.sa_handler = handler};
    SHOW(sigaction(SIGKILL, &sa, NULL));
    SHOW(sigaction(SIGSTOP, &sa, NULL));
    SHOW(sigaction(65, &sa, NULL));
    SHOW(sigaction(0, &sa, NULL));
    SHOW(sigaction(SIGKILL, NULL, &sa));
    SHOW(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
    SHOW(syscall(SYS_rt_sigaction, SIGUSR1, (void *)8, NULL, 8));
}
