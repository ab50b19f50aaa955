#include "t.h"

static volatile int hits;
static void handler(int s) { (void)s, hits++; }

int main(void) {
    struct itimerval v = {{0, 5000}, {0, 10000}}, old, zero = {{0, 0}, {0, 0}};
    signal(SIGALRM, handler), signal(SIGVTALRM, handler);
    SHOW(setitimer(ITIMER_REAL, &v, NULL));
    SHOW(getitimer(ITIMER_REAL, &old));
    YES(old.it_interval.tv_usec == 5000 && old.it_value.tv_usec <= 10000);
    while (hits < 4) msleep(1);
    SHOW(setitimer(ITIMER_REAL, &zero, &old));
    YES(old.it_interval.tv_usec == 5000);
    int before = hits;
    msleep(20);
    SHOW(hits - before);
    SHOW(getitimer(ITIMER_REAL, &old));
    SHOW(old.it_value.tv_sec + old.it_value.tv_usec);
    /* once */
    v = (struct itimerval){{0, 0}, {0, 5000}};
    hits = 0;
    SHOW(setitimer(ITIMER_REAL, &v, NULL));
    while (!hits) msleep(1);
    msleep(20);
    SHOW(hits);
    SHOW(alarm(100));
    SHOW(alarm(0) >= 99);
    SHOW(alarm(0));
    hits = 0;
    SHOW(ualarm(5000, 0));
    while (!hits) msleep(1);
    SHOW(hits);
    /* processor time */
    v = (struct itimerval){{0, 0}, {0, 20000}};
    hits = 0;
    SHOW(setitimer(ITIMER_VIRTUAL, &v, NULL));
    while (!hits) {}
    SHOW(hits);
    v.it_value.tv_usec = 1000000;
    SHOW(setitimer(ITIMER_REAL, &v, NULL));
    SHOW(setitimer(9, &zero, NULL));
    SHOW(getitimer(9, &old));
    SHOW(getitimer(ITIMER_REAL, (void *)8));
}
