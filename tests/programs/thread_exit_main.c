#include "t.h"

/* main leaves by pthread_exit; the process lives on until the last thread is gone, and ends with status 0 */
static pthread_t main_thread;
static void *last(void *arg) {
    ERR(pthread_join(main_thread, NULL));
    puts("the last thread speaks");
    return arg;
}
static void at_exit(void) { puts("atexit ran"); }

int main(void) {
    pthread_t t;
    atexit(at_exit);
    main_thread = pthread_self();
    MUST(pthread_create(&t, NULL, last, NULL));
    ERR(pthread_detach(t));
    puts("main leaves");
    pthread_exit(NULL);
}
