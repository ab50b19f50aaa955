#include "t.h"

/* no unmasked SSE exceptions here: QEMU does not emulate them */

static long trap_no;
static uintptr_t rip;
static void handler(int s, siginfo_t *i, void *context) {
    ucontext_t *u = context;
    trap_no = u->uc_mcontext.gregs[REG_TRAPNO];
    rip = (uintptr_t)u->uc_mcontext.gregs[REG_RIP];
    on_fault(s, i, context);
}
#define TRAP(what) do { FAULT(what); SHOW(trap_no); } while (0)

int main(void) {
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    int all[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (size_t i = 0; i < COUNT(all); i++) MUST(sigaction(all[i], &sa, NULL));
    TRAP(asm volatile("xor %%edx, %%edx; mov $1, %%eax; xor %%ecx, %%ecx; idiv %%ecx" ::: "eax", "ecx", "edx", "cc"));
    YES(fault_address == (void *)rip);
    TRAP(asm volatile("mov $-1, %%edx; mov $0x80000000, %%eax; mov $-1, %%ecx; idiv %%ecx" ::: "eax", "ecx", "edx", "cc"));
    TRAP(asm volatile("ud2"));
    YES(fault_address == (void *)rip);
    TRAP(asm volatile("int3"));
    TRAP(asm volatile("movabs $0x8000000000000000, %%rax; mov (%%rax), %%al" ::: "rax"));
    unsigned short cw = 0x037b; /* x87 division by zero unmasked */
    TRAP(asm volatile("fldcw %0; fld1; fldz; fdivrp; fwait" :: "m"(cw)));
    asm volatile("fninit");
    volatile double zero = 0, one = 1;
    YES(one / zero > 1e308); /* masked again */
}
