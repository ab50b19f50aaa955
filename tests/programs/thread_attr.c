#include "t.h"

static size_t stack_size;
static void *addr_in;
static void *small(void *arg) {
    pthread_attr_t a;
    void *base;
    int here;
    pthread_getattr_np(pthread_self(), &a);
    pthread_attr_getstack(&a, &base, &stack_size);
    addr_in = (char *)&here >= (char *)base && (char *)&here < (char *)base + stack_size ? &stack_size : NULL;
    return arg;
}
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static void *overflow(void *arg) {
    pthread_mutex_lock(&order); /* what main prints comes first */
    static char alt[16384];
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
    sigaltstack(&ss, NULL);
    pthread_attr_t a;
    void *base;
    pthread_getattr_np(pthread_self(), &a);
    pthread_attr_getstack(&a, &base, &stack_size);
    volatile char *p = base;
    FAULT(p[0] = 1);
    FAULT(p[-1] = 1); /* the guard */
    return arg;
}

int main(void) {
    pthread_attr_t a;
    pthread_t t;
    ERR(pthread_attr_init(&a));
    ERR(pthread_attr_setstacksize(&a, 100));
    ERR(pthread_attr_setstacksize(&a, 128 * 1024));
    ERR(pthread_create(&t, &a, small, NULL));
    ERR(pthread_join(t, NULL));
    SHOW(stack_size);
    YES(addr_in != NULL);
    void *own = MUST(mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0));
    ERR(pthread_attr_setstack(&a, own, 64 * PAGE));
    ERR(pthread_create(&t, &a, small, NULL));
    ERR(pthread_join(t, NULL));
    SHOW(stack_size);
    YES(addr_in != NULL);
    catch_faults();
    pthread_mutex_lock(&order);
    ERR(pthread_create(&t, NULL, overflow, NULL));
    pthread_mutex_unlock(&order);
    ERR(pthread_join(t, NULL));
    ERR(pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED));
    ERR(pthread_create(&t, &a, small, NULL));
    /* the main thread's stack, out of /proc/self/maps */
    void *base;
    int here;
    size_t main_size;
    ERR(pthread_getattr_np(pthread_self(), &a));
    ERR(pthread_attr_getstack(&a, &base, &main_size));
    YES((char *)&here >= (char *)base && (char *)&here < (char *)base + main_size);
    msleep(10);
}
