#include "t.h"

static char log_[64];
static volatile int usr2_blocked;
static void handler(int s) {
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    usr2_blocked = sigismember(&now, SIGUSR2);
    strcat(log_, sname(s)), strcat(log_, " ");
}

int main(void) {
    sigset_t block, wait, now;
    signal(SIGUSR1, handler), signal(SIGUSR2, handler), signal(SIGTERM, handler);
    sigemptyset(&block), sigaddset(&block, SIGUSR1), sigaddset(&block, SIGTERM);
    MUST(sigprocmask(SIG_SETMASK, &block, NULL));
    raise(SIGUSR1), raise(SIGTERM);
    STR(log_);
    sigemptyset(&wait), sigaddset(&wait, SIGTERM), sigaddset(&wait, SIGUSR2);
    SHOW(sigsuspend(&wait)); /* takes SIGUSR1 at once, under the waiting mask */
    STR(log_);
    SHOW(usr2_blocked);
    MUST(sigprocmask(SIG_SETMASK, NULL, &now)); /* the old mask is back */
    SHOW(sigismember(&now, SIGUSR1) + sigismember(&now, SIGTERM));
    SHOW(sigismember(&now, SIGUSR2));
    sigemptyset(&wait);
    SHOW(sigsuspend(&wait));
    STR(log_);
}
