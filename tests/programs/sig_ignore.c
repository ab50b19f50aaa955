#include "t.h"

static volatile int hits;
static void handler(int s) { (void)s, hits++; }

int main(void) {
    sigset_t block, p;
    sigemptyset(&block), sigaddset(&block, SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    SHOW(raise(SIGUSR1));
    int harmless[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
    for (size_t i = 0; i < COUNT(harmless); i++) signal(harmless[i], SIG_DFL), printf("%s %d\n", sname(harmless[i]), raise(harmless[i]));
    /* becoming ignored throws a pending one away */
    signal(SIGUSR1, handler);
    MUST(sigprocmask(SIG_BLOCK, &block, NULL));
    raise(SIGUSR1);
    SHOW(sigpending(&p));
    SHOW(sigismember(&p, SIGUSR1));
    signal(SIGUSR1, SIG_IGN);
    SHOW(sigpending(&p));
    SHOW(sigismember(&p, SIGUSR1));
    signal(SIGUSR1, handler);
    MUST(sigprocmask(SIG_UNBLOCK, &block, NULL));
    SHOW(hits);
    raise(SIGUSR1);
    SHOW(hits);
    YES(signal(SIGUSR1, SIG_DFL) == handler);
    YES(signal(SIGUSR1, SIG_IGN) == SIG_DFL);
    YES(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
    SHOW(kill(getpid(), 0));
    SHOW(kill(getpid(), -1));
    SHOW(kill(getpid(), 65));
    SHOW(kill(999999999, SIGTERM));
}
