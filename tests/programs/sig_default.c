#include "t.h"

/* sig_default NUMBER HOW: ends by that signal's default action */
static void *thread(void *arg) {
    raise((int)(long)arg);
    puts("never printed");
    return NULL;
}

int main(int argc, char **argv) {
    int s = argc > 1 ? atoi(argv[1]) : SIGTERM;
    const char *how = argc > 2 ? argv[2] : "kill";
    pthread_t t;
    signal(s, SIG_DFL);
    printf("dying by %s, %s\n", sname(s), how);
    if (!strcmp(how, "kill")) kill(getpid(), s);
    else if (!strcmp(how, "abort")) abort();
    else if (!strcmp(how, "null")) *(volatile int *)8 = 1;
    else if (!strcmp(how, "divide")) asm volatile("xor %%ecx, %%ecx; idiv %%ecx" ::: "ecx", "edx", "eax");
    else if (!strcmp(how, "blocked")) { /* a fault that is blocked kills, whatever the handler */
        catch_faults();
        sigset_t b;
        sigemptyset(&b), sigaddset(&b, s);
        sigprocmask(SIG_BLOCK, &b, NULL);
        *(volatile int *)8 = 1;
    } else if (!strcmp(how, "ignored")) {
        signal(s, SIG_IGN);
        *(volatile int *)8 = 1;
    } else if (!strcmp(how, "thread")) pthread_create(&t, NULL, thread, (void *)(long)s), pthread_join(t, NULL);
    msleep(1000);
    puts("never printed");
    return 98;
}
