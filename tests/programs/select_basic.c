#include "t.h"
#include <sys/select.h>

static volatile int caught;
static void handler(int s) { (void)s, caught++; }

int main(void) {
    int p[2], q[2];
    fd_set r, w, x;
    struct timeval tv = {0, 20000};
    MUST(pipe(p)), MUST(pipe(q));
    FD_ZERO(&r); FD_SET(p[0], &r); FD_SET(q[0], &r);
    long long before = now_ns();
    SHOW(select(q[1] + 1, &r, NULL, NULL, &tv));
    YES(now_ns() - before >= 20000000);
    SHOW(FD_ISSET(p[0], &r) + FD_ISSET(q[0], &r));
    SHOW(tv.tv_sec + tv.tv_usec); /* what was left of it */
    write(q[1], "x", 1);
    FD_ZERO(&r); FD_SET(p[0], &r); FD_SET(q[0], &r);
    FD_ZERO(&w); FD_SET(p[1], &w); FD_ZERO(&x); FD_SET(p[0], &x);
    tv = (struct timeval){5, 0};
    SHOW(select(q[1] + 1, &r, &w, &x, &tv));
    printf("%d %d %d %d\n", FD_ISSET(p[0], &r), FD_ISSET(q[0], &r), FD_ISSET(p[1], &w), FD_ISSET(p[0], &x));
    YES(tv.tv_sec >= 3);
    close(p[1]);
    FD_ZERO(&r); FD_SET(p[0], &r);
    SHOW(select(p[0] + 1, &r, NULL, NULL, NULL)); /* the end counts as readable */
    FD_ZERO(&r); FD_SET(40, &r);
    SHOW(select(41, &r, NULL, NULL, &tv));
    SHOW(select(-1, NULL, NULL, NULL, &tv));
    tv = (struct timeval){0, -1};
    SHOW(select(0, NULL, NULL, NULL, &tv));
    tv = (struct timeval){0, 5000};
    SHOW(select(0, NULL, NULL, NULL, &tv));
    signal(SIGUSR1, handler);
    sigset_t block, none;
    sigemptyset(&block), sigaddset(&block, SIGUSR1), sigemptyset(&none);
    MUST(sigprocmask(SIG_BLOCK, &block, NULL));
    raise(SIGUSR1);
    struct timespec ts = {0, 10000000};
    SHOW(pselect(0, NULL, NULL, NULL, &ts, NULL)), SHOW(caught);
    SHOW(pselect(0, NULL, NULL, NULL, &ts, &none)), SHOW(caught);
    FD_ZERO(&r); FD_SET(q[0], &r);
    SHOW(pselect(q[0] + 1, &r, NULL, NULL, &ts, &none)), SHOW(caught);
}
