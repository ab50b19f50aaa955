#include "t.h"

/* the other end closes while somebody waits */
static int p[2];
static char full[65536];
static void *close_read(void *arg) { msleep(20), close(p[0]); return arg; }
static void *close_write(void *arg) { msleep(20), close(p[1]); return arg; }

int main(void) {
    pthread_t t;
    char c;
    signal(SIGPIPE, SIG_IGN);
    MUST(pipe(p));
    MUST(pthread_create(&t, NULL, close_write, NULL));
    SHOW(read(p[0], &c, 1));
    MUST(pthread_join(t, NULL));
    close(p[0]);
    MUST(pipe(p));
    SHOW(write(p[1], full, sizeof full));
    MUST(pthread_create(&t, NULL, close_read, NULL));
    SHOW(write(p[1], &c, 1));
    MUST(pthread_join(t, NULL));
    close(p[1]);
    MUST(pipe(p));
    SHOW(write(p[1], full, 60000));
    MUST(pthread_create(&t, NULL, close_read, NULL));
    long n = write(p[1], full, sizeof full); /* part of it went in */
    YES(n > 0 && n < (long)sizeof full);
    MUST(pthread_join(t, NULL));
    SHOW(write(p[1], &c, 1));
}
