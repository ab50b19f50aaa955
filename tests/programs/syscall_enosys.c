#include "t.h"

int main(void) {
    long numbers[] = {500, 512, 600, 999, 1023, 4096, 0x7fffffff, -1, -2};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        errno = 0;
        long r = syscall(numbers[i], 1, 2, 3, 4, 5, 6);
        printf("%ld: %ld %s\n", numbers[i], r, ename(errno));
    }
    /* calls that have been empty for decades */
    int old[] = {SYS_afs_syscall, SYS_tuxcall, SYS_security, SYS_vserver, SYS_getpmsg, SYS_putpmsg, SYS_uselib, SYS_create_module,
                 SYS_query_module, SYS_get_kernel_syms, SYS_nfsservctl, SYS_epoll_ctl_old, SYS_epoll_wait_old, SYS_set_thread_area};
    for (size_t i = 0; i < COUNT(old); i++) printf("%d %s\n", old[i], syscall(old[i], 0, 0, 0) == -1 ? ename(errno) : "ok");
    /* registers survive a call: all but rax, rcx, r11 */
    unsigned long a = 11, b = 22, c = 33, d = 44, rax = SYS_getpid;
    register unsigned long r8 asm("r8") = 88, r9 asm("r9") = 99, r10 asm("r10") = 1010, r12 asm("r12") = 1212, r15 asm("r15") = 1515;
    asm volatile("syscall" : "+a"(rax), "+b"(a), "+d"(b), "+S"(c), "+D"(d), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r12), "+r"(r15)
                 :: "rcx", "r11", "memory");
    printf("%lu %lu %lu %lu %lu %lu %lu %lu %lu\n", a, b, c, d, r8, r9, r10, r12, r15);
    YES(rax == (unsigned long)getpid());
}
