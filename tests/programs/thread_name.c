#include "t.h"
#include <sys/prctl.h>

static void *run(void *arg) {
    char name[32] = {0};
    SHOW(prctl(PR_SET_NAME, "worker"));
    SHOW(prctl(PR_GET_NAME, name));
    STR(name);
    ERR(pthread_setname_np(pthread_self(), "0123456789abcdef"));
    SHOW(prctl(PR_SET_NAME, "0123456789abcdefgh"));
    ERR(pthread_getname_np(pthread_self(), name, sizeof name));
    STR(name);
    snprintf(name, sizeof name, "/proc/self/task/%d/comm", tid_());
    printf("task comm: %s", get(name));
    return arg;
}

int main(void) {
    char name[32] = {0};
    pthread_t t;
    SHOW(prctl(PR_GET_NAME, name));
    STR(name);
    MUST(pthread_create(&t, NULL, run, NULL));
    MUST(pthread_join(t, NULL));
    SHOW(prctl(PR_GET_NAME, name));
    STR(name);
    SHOW(prctl(PR_SET_NAME, "main"));
    printf("comm: %s", get("/proc/self/comm"));
    SHOW(prctl(PR_GET_NAME, NULL));
    SHOW(prctl(99999));
    SHOW(prctl(PR_GET_DUMPABLE));
    SHOW(prctl(PR_SET_DUMPABLE, 7));
    SHOW(prctl(PR_SET_KEEPCAPS, 5));
    SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}
