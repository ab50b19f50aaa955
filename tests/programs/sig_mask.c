#include "t.h"

static char log_[128];
static void handler(int s) { strcat(log_, sname(s)), strcat(log_, " "); }
static const char *pending(void) {
    static char text[128];
    sigset_t p;
    MUST(sigpending(&p));
    text[0] = 0;
    for (int s = 1; s < 32; s++)
        if (sigismember(&p, s)) strcat(text, sname(s)), strcat(text, " ");
    return text;
}

int main(void) {
    int all[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGHUP, SIGALRM};
    sigset_t block, old, none;
    sigemptyset(&block), sigemptyset(&none);
    for (size_t i = 0; i < COUNT(all); i++) signal(all[i], handler), sigaddset(&block, all[i]);
    SHOW(sigprocmask(SIG_BLOCK, &block, &old));
    SHOW(sigismember(&old, SIGUSR1));
    raise(SIGUSR2), raise(SIGTERM), raise(SIGHUP), raise(SIGUSR1), raise(SIGTERM);
    STR(pending());
    STR(log_);
    sigemptyset(&block), sigaddset(&block, SIGTERM);
    SHOW(sigprocmask(SIG_UNBLOCK, &block, &old));
    STR(log_); /* once, though sent twice */
    STR(pending());
    log_[0] = 0;
    SHOW(sigprocmask(SIG_SETMASK, &none, NULL));
    STR(log_); /* handlers nest: the last one set up runs first */
    STR(pending());
    sigfillset(&block);
    SHOW(sigprocmask(SIG_SETMASK, &block, NULL));
    SHOW(sigprocmask(SIG_SETMASK, NULL, &old));
    SHOW(sigismember(&old, SIGKILL) + sigismember(&old, SIGSTOP)); /* these cannot be blocked */
    SHOW(sigismember(&old, SIGTERM));
    SHOW(sigprocmask(99, &block, NULL));
    SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &block, NULL, 4));
    SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, (void *)8, NULL, 8));
}
