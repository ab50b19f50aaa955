#include "t.h"

/* threads that never give the CPU away must not starve each other: each spins on what another one sets */
static volatile int stage;
static void *spin(void *arg) {
    int me = (int)(long)arg;
    while (stage != me) __builtin_ia32_pause();
    stage = me + 1;
    while (stage < 4) __builtin_ia32_pause();
    return NULL;
}

int main(void) {
    cpu_set_t set;
    pthread_t t[4];
    /* one CPU for all, so that only preemption helps */
    MUST(sched_getaffinity(0, sizeof set, &set));
    int cpu = 0;
    while (!CPU_ISSET(cpu, &set)) cpu++;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    MUST(sched_setaffinity(0, sizeof set, &set));
    for (long i = 3; i >= 0; i--) MUST(pthread_create(&t[i], NULL, spin, (void *)i));
    for (int i = 0; i < 4; i++) MUST(pthread_join(t[i], NULL));
    SHOW(stage);
}
