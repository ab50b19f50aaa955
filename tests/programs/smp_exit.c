#include "t.h"
#include <stdatomic.h>

/* the process ends, or becomes another program, while its threads compute, sleep and call on all CPUs */
static atomic_int busy;
static __attribute__((noreturn)) void *computes(void *arg) {
    (void)arg;
    atomic_fetch_add(&busy, 1);
    for (volatile unsigned long i = 0;; i++) {}
}
static __attribute__((noreturn)) void *sleeps(void *arg) {
    (void)arg;
    atomic_fetch_add(&busy, 1);
    for (;;) pause();
}
static __attribute__((noreturn)) void *calls(void *arg) {
    (void)arg;
    atomic_fetch_add(&busy, 1);
    for (;;) syscall(SYS_gettid);
}
static __attribute__((noreturn)) void *maps(void *arg) {
    (void)arg;
    atomic_fetch_add(&busy, 1);
    for (;;) {
        char *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) continue;
        p[5 * PAGE] = 1;
        munmap(p, 16 * PAGE);
    }
}
static char *number;
static void *replaces(void *arg) {
    (void)arg;
    char *argv[] = {"smp_exit", number, NULL}, *envp[] = {NULL};
    execve("/proc/self/exe", argv, envp);
    printf("execve: %s\n", ename(errno));
    _exit(98);
}

int main(int argc, char **argv) {
    int left = argc > 1 ? atoi(argv[1]) : 12;
    void *(*kinds[])(void *) = {computes, sleeps, calls, maps, computes};
    pthread_t t;
    for (size_t i = 0; i < COUNT(kinds); i++) MUST(pthread_create(&t, NULL, kinds[i], NULL));
    while (atomic_load(&busy) < (int)COUNT(kinds)) sched_yield();
    if (!left) {
        printf("leaving\n");
        exit(7);
    }
    char text[16];
    snprintf(text, sizeof text, "%d", left - 1);
    number = text;
    if (left % 2) replaces(NULL);
    /* by another thread than the first */
    MUST(pthread_create(&t, NULL, replaces, NULL));
    for (;;) pause();
}
