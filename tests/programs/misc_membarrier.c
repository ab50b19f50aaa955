#include "t.h"
#include <linux/membarrier.h>

int main(void) {
    long query = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    YES(query == -1 ? errno == ENOSYS : query & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    if (query > 0) YES(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 && syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0);
    else puts("syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 && syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0: yes");
    /* arch_prctl */
    unsigned long fs = 0, gs = 0;
    SHOW(syscall(SYS_arch_prctl, 0x1003, &fs)); /* ARCH_GET_FS */
    YES(fs == *(unsigned long *)fs); /* the thread pointer points to itself */
    SHOW(syscall(SYS_arch_prctl, 0x1001, 0x12340000)); /* ARCH_SET_GS */
    SHOW(syscall(SYS_arch_prctl, 0x1004, &gs)), SHOW(gs == 0x12340000);
    sched_yield(), msleep(5);
    SHOW(syscall(SYS_arch_prctl, 0x1004, &gs)), SHOW(gs == 0x12340000);
    SHOW(syscall(SYS_arch_prctl, 0x1001, 0)), SHOW(syscall(SYS_arch_prctl, 0x7777, 0));
    SHOW(syscall(SYS_arch_prctl, 0x1003, 8)), SHOW(syscall(SYS_arch_prctl, 0x1002, 1UL << 63));
    SHOW(syscall(SYS_personality, 0xffffffff));
    SHOW(syscall(SYS_capget, NULL, NULL));
}
