#include "t.h"

/* SIGEV_THREAD: the C library's helper thread over SIGEV_THREAD_ID */
static volatile int calls, value, other;
static pthread_t main_thread;
static void notify(union sigval v) {
    value = v.sival_int, other = !pthread_equal(main_thread, pthread_self());
    __sync_fetch_and_add(&calls, 1);
}

int main(void) {
    timer_t timer;
    struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notify, .sigev_value.sival_int = 77};
    struct itimerspec v = {{0, 5000000}, {0, 5000000}};
    main_thread = pthread_self();
    SHOW(timer_create(CLOCK_MONOTONIC, &e, &timer));
    SHOW(timer_settime(timer, 0, &v, NULL));
    while (calls < 3) msleep(1);
    SHOW(value);
    SHOW(other);
    SHOW(timer_delete(timer));
}
