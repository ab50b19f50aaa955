#include "t.h"

static char log_[64];
static void note(void *what) { strcat(log_, what); }
static volatile int ready, spins;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int fds[2];

static void *in_read(void *arg) {
    char b;
    pthread_cleanup_push(note, "a");
    pthread_cleanup_push(note, "b");
    ready = 1;
    read(fds[0], &b, 1);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return arg;
}
static void unlock(void *what) { (void)what, strcat(log_, "u"), pthread_mutex_unlock(&m); }
static void *in_cond(void *arg) {
    pthread_mutex_lock(&m);
    pthread_cleanup_push(unlock, NULL);
    ready = 1;
    for (;;) pthread_cond_wait(&c, &m);
    pthread_cleanup_pop(0);
    return arg;
}
static void *in_loop(void *arg) {
    int old;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
    ready = 1;
    for (;;) spins++;
    return arg;
}
static void *disabled(void *arg) {
    int old;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    ready = 1;
    msleep(200);
    pthread_testcancel();
    strcat(log_, "d");
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
    pthread_testcancel();
    strcat(log_, "!");
    return arg;
}
static void *in_sleep(void *arg) { ready = 1; sleep(60); return arg; }

static void run(const char *name, void *(*f)(void *)) {
    pthread_t t;
    void *r;
    log_[0] = 0, ready = 0;
    MUST(pthread_create(&t, NULL, f, NULL));
    while (!ready) sched_yield();
    msleep(5);
    int e = pthread_cancel(t);
    pthread_join(t, &r);
    printf("%s: %s, cancelled %d, cleanup \"%s\"\n", name, ename(e), r == PTHREAD_CANCELED, log_);
}

int main(void) {
    MUST(pipe(fds));
    run("read", in_read);
    run("cond", in_cond);
    ERR(pthread_mutex_trylock(&m)); /* the cleanup gave it back */
    run("loop", in_loop);
    run("disabled", disabled);
    run("sleep", in_sleep);
}
