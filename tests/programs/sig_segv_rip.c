#include "t.h"

/* handlers that edit the ucontext: skip the instruction, change registers, or repair the page and retry */
static volatile int count;
static char *page;
static void skip(int s, siginfo_t *i, void *context) {
    ucontext_t *u = context;
    (void)s, (void)i, count++;
    u->uc_mcontext.gregs[REG_RIP] += 2; /* mov (%rdi),%eax is 8b 07 */
    u->uc_mcontext.gregs[REG_RAX] = 4711;
    u->uc_mcontext.gregs[REG_RBX] += 1;
}
static void repair(int s, siginfo_t *i, void *context) {
    (void)s, (void)context, count++;
    MUST(mprotect((void *)((uintptr_t)i->si_addr & ~(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE));
}
static long trap_no, error_code;
static void details(int s, siginfo_t *i, void *context) {
    ucontext_t *u = context;
    trap_no = u->uc_mcontext.gregs[REG_TRAPNO], error_code = u->uc_mcontext.gregs[REG_ERR];
    YES((void *)u->uc_mcontext.gregs[REG_CR2] == i->si_addr);
    on_fault(s, i, context);
}

int main(void) {
    struct sigaction sa = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO};
    MUST(sigaction(SIGSEGV, &sa, NULL));
    for (int k = 0; k < 3; k++) {
        unsigned eax = 0;
        unsigned long rbx = 10;
        asm volatile(".byte 0x8b, 0x07" : "+a"(eax), "+b"(rbx) : "D"(8L) : "memory");
        SHOW(eax);
        SHOW(rbx);
    }
    SHOW(count);
    page = MUST(mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    sa.sa_sigaction = repair;
    MUST(sigaction(SIGSEGV, &sa, NULL));
    count = 0;
    for (int k = 0; k < 4; k++) page[k * PAGE + 5] = (char)k, page[k * PAGE + 6] = 1;
    SHOW(page[3 * PAGE + 5]);
    SHOW(count); /* once per page */
    sa.sa_sigaction = details;
    MUST(sigaction(SIGSEGV, &sa, NULL));
    MUST(mprotect(page, PAGE, PROT_READ));
    FAULT(*(volatile char *)page = 1);
    SHOW(trap_no);
    SHOW(error_code & 3); /* present, write */
    FAULT((void)*(volatile char *)8);
    SHOW(trap_no);
    SHOW(error_code & 3);
}
