#include "t.h"
#include <stdatomic.h>

/* a thread runs where it may, and goes where it is sent: by itself, by others, while it runs, and before its first step */
static cpu_set_t all;
static atomic_int wrong;
static void only(pid_t tid, int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    MUST(sched_setaffinity(tid, sizeof set, &set));
}

static void *inherits(void *arg) {
    int cpu = (int)(long)arg;
    cpu_set_t set;
    MUST(sched_getaffinity(0, sizeof set, &set));
    if (CPU_COUNT(&set) != 1 || !CPU_ISSET(cpu, &set)) atomic_fetch_add(&wrong, 1);
    for (int i = 0; i < 200; i++) {
        if (sched_getcpu() != cpu) atomic_fetch_add(&wrong, 1);
        if (i % 16 == 0) sched_yield();
    }
    return NULL;
}

static atomic_int tid, target = -1, seen, stop;
static void *wanders(void *arg) {
    (void)arg;
    atomic_store(&tid, tid_());
    while (!atomic_load(&stop)) {
        int want = atomic_load(&target);
        if (want >= 0 && sched_getcpu() == want) atomic_store(&seen, want + 1);
    }
    return NULL;
}

static atomic_int asleep;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static void *sleeps(void *arg) {
    (void)arg;
    pthread_mutex_lock(&lock);
    atomic_store(&tid, tid_());
    atomic_store(&asleep, 1);
    while (atomic_load(&asleep)) pthread_cond_wait(&wake, &lock);
    pthread_mutex_unlock(&lock);
    if (sched_getcpu() != atomic_load(&target)) atomic_fetch_add(&wrong, 1);
    return NULL;
}

int main(void) {
    pthread_t t;
    MUST(sched_getaffinity(0, sizeof all, &all));
    YES(CPU_COUNT(&all) == sysconf(_SC_NPROCESSORS_ONLN));
    for (int round = 0; round < 5; round++) {
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET(cpu, &all)) continue;
            only(0, cpu);
            unsigned at, node;
            if (sched_getcpu() != cpu || syscall(SYS_getcpu, &at, &node, NULL) || (int)at != cpu) atomic_fetch_add(&wrong, 1);
            MUST(pthread_create(&t, NULL, inherits, (void *)(long)cpu));
            MUST(pthread_join(t, NULL));
        }
    }
    SHOW(wrong);
    MUST(sched_setaffinity(0, sizeof all, &all));
    MUST(pthread_create(&t, NULL, wanders, NULL));
    while (!atomic_load(&tid)) sched_yield();
    for (int round = 0; round < 20; round++) {
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET(cpu, &all)) continue;
            only(atomic_load(&tid), cpu);
            atomic_store(&seen, 0);
            atomic_store(&target, cpu);
            while (atomic_load(&seen) != cpu + 1) sched_yield();
        }
    }
    atomic_store(&stop, 1);
    MUST(pthread_join(t, NULL));
    printf("wandered\n");
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all)) continue;
        atomic_store(&target, cpu);
        MUST(pthread_create(&t, NULL, sleeps, NULL));
        while (!atomic_load(&asleep)) sched_yield();
        pthread_mutex_lock(&lock);
        only(atomic_load(&tid), cpu);
        atomic_store(&asleep, 0);
        pthread_cond_signal(&wake);
        pthread_mutex_unlock(&lock);
        MUST(pthread_join(t, NULL));
    }
    SHOW(wrong);
}
