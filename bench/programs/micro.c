/* The kernel's primitive costs, one line each: "NAME nanoseconds" (per operation, the best of REPEATS rounds), or "NAME failed: WHY".
 *
 *   syscall    getppid by syscall(2): entry and return, no work
 *   futex      one hand-over between two threads on one CPU by FUTEX_WAIT and FUTEX_WAKE: a wake, a sleep, a context switch
 *   pipe       one hand-over between two threads by a byte through a pipe: a write, a read that slept, a context switch
 *   stream     4096 bytes through a pipe by one thread: a write and a read, no sleep
 *   fault      first touch of a page of fresh anonymous memory (4 KiB pages asked for)
 *   mmap       mmap and munmap of one anonymous page that nobody touches
 *   touched    the same with one write to it between
 * The best round, because what disturbs a round (the host's other work) only ever adds. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };    /* linux/futex.h, which a small C library does not bring */
enum { REPEATS = 5, FAULT_PAGES = 4096, PAGE = 4096 };

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Every test does `n` operations and returns the nanoseconds they took, or -1 with errno set. */
typedef double test(int n);

static double null_call(int n) {
    double start = now_ns();
    for (int i = 0; i < n; i++) syscall(SYS_getppid);
    return now_ns() - start;
}

static _Atomic int turn, stop;
static int pipes[2][2];

static void futex_pass(int me) {
    while (atomic_load(&turn) != me && !atomic_load(&stop)) syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 1 - me, NULL, NULL, 0);
    atomic_store(&turn, 1 - me);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *futex_partner(void *unused) {
    while (!atomic_load(&stop)) futex_pass(1);
    return unused;
}

static double futex_switch(int n) {
    pthread_t partner;
    turn = stop = 0;
    if ((errno = pthread_create(&partner, NULL, futex_partner, NULL))) return -1;
    futex_pass(0);
    double start = now_ns();
    for (int i = 0; i < n / 2; i++) futex_pass(0);  /* two hand-overs each */
    double took = now_ns() - start;
    atomic_store(&stop, 1);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    pthread_join(partner, NULL);
    return took;
}

static void *pipe_partner(void *unused) {
    char byte;
    while (read(pipes[0][0], &byte, 1) == 1 && write(pipes[1][1], &byte, 1) == 1) {}
    return unused;
}

static double pipe_switch(int n) {
    pthread_t partner;
    char byte = 0;
    if (pipe(pipes[0]) || pipe(pipes[1])) return -1;
    if ((errno = pthread_create(&partner, NULL, pipe_partner, NULL))) return -1;
    double start = now_ns();
    for (int i = 0; i < n / 2; i++)
        if (write(pipes[0][1], &byte, 1) != 1 || read(pipes[1][0], &byte, 1) != 1) return -1;
    double took = now_ns() - start;
    close(pipes[0][1]);
    pthread_join(partner, NULL);
    close(pipes[0][0]), close(pipes[1][0]), close(pipes[1][1]);
    return took;
}

static double pipe_stream(int n) {
    static char block[PAGE];
    int p[2];
    if (pipe(p)) return -1;
    double start = now_ns();
    for (int i = 0; i < n; i++)
        if (write(p[1], block, sizeof block) != PAGE || read(p[0], block, sizeof block) != PAGE) return -1;
    double took = now_ns() - start;
    close(p[0]), close(p[1]);
    return took;
}

static double fault(int n) {
    double took = 0;
    for (int done = 0; done < n; done += FAULT_PAGES) {
        char *m = mmap(NULL, FAULT_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m == MAP_FAILED) return -1;
        madvise(m, FAULT_PAGES * PAGE, MADV_NOHUGEPAGE);
        double start = now_ns();
        for (long i = 0; i < FAULT_PAGES; i++) *(volatile char *)(m + i * PAGE) = 1;
        took += now_ns() - start;
        if (munmap(m, FAULT_PAGES * PAGE)) return -1;
    }
    return took;
}

static double map(int n, int touches) {
    double start = now_ns();
    for (int i = 0; i < n; i++) {
        char *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m == MAP_FAILED) return -1;
        if (touches) *(volatile char *)m = 1;
        if (munmap(m, PAGE)) return -1;
    }
    return now_ns() - start;
}
static double map_only(int n) { return map(n, 0); }
static double map_touched(int n) { return map(n, 1); }

static void measure(const char *name, test *t, int n) {
    double best = -1;
    for (int i = 0; i < REPEATS; i++) {
        double took = t(n);
        if (took < 0) {
            printf("%s failed: %s\n", name, strerror(errno));
            fflush(stdout);
            return;
        }
        if (best < 0 || took < best) best = took;
    }
    printf("%s %.1f\n", name, best / n);
    fflush(stdout);
}

int main(void) {
    measure("syscall", null_call, 100000);
    measure("futex", futex_switch, 10000);
    measure("pipe", pipe_switch, 10000);
    measure("stream", pipe_stream, 10000);
    measure("fault", fault, 2 * FAULT_PAGES);
    measure("mmap", map_only, 20000);
    measure("touched", map_touched, 10000);
    puts("done");
    return 0;
}
