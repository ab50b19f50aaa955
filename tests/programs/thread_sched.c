#include "t.h"

int main(void) {
    cpu_set_t set, one;
    CPU_ZERO(&set);
    SHOW(sched_yield());
    SHOW(sched_getaffinity(0, sizeof set, &set));
    YES(CPU_COUNT(&set) >= 1);
    YES(CPU_COUNT(&set) <= sysconf(_SC_NPROCESSORS_ONLN));
    int cpu = 0;
    while (!CPU_ISSET(cpu, &set)) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    SHOW(sched_setaffinity(0, sizeof one, &one));
    YES(sched_getcpu() == cpu);
    CPU_ZERO(&set);
    SHOW(sched_getaffinity(0, sizeof set, &set));
    YES(CPU_EQUAL(&set, &one));
    CPU_ZERO(&one);
    SHOW(sched_setaffinity(0, sizeof one, &one));
    CPU_SET(1023, &one);
    SHOW(sched_setaffinity(0, sizeof one, &one));
    SHOW(syscall(SYS_sched_getaffinity, 0, 1, &set));
    SHOW(sched_getaffinity(999999999, sizeof set, &set));
    SHOW(sched_getscheduler(0) == SCHED_OTHER);
    SHOW(sched_get_priority_max(SCHED_FIFO));
    SHOW(sched_get_priority_min(SCHED_RR));
    SHOW(sched_get_priority_max(SCHED_OTHER));
    SHOW(sched_get_priority_max(77));
    struct sched_param p = {0};
    SHOW(sched_getparam(0, &p));
    SHOW(p.sched_priority);
    SHOW(getpriority(PRIO_PROCESS, 0));
}
