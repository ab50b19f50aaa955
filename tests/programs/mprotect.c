#include "t.h"

int main(void) {
    catch_faults();
    volatile char *p = MUST(mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    char got;
    for (int i = 0; i < 6; i++) p[i * PAGE] = (char)(i + 1);
    SHOW(mprotect((void *)(p + PAGE), 2 * PAGE, PROT_READ));
    FAULT(p[PAGE] = 9);
    YES(fault_address == p + PAGE);
    SHOW(p[PAGE]);
    FAULT(p[0] = 9);
    FAULT(p[3 * PAGE] = 9);
    SHOW(mprotect((void *)(p + 2 * PAGE), 2 * PAGE, PROT_NONE));
    FAULT(got = p[2 * PAGE]);
    FAULT(got = p[4 * PAGE]);
    SHOW(got);
    SHOW(mprotect((void *)p, 6 * PAGE, PROT_READ | PROT_WRITE));
    SHOW(p[0] + 10 * p[PAGE] + 100 * p[2 * PAGE] + 1000 * p[3 * PAGE]);
    FAULT(p[2 * PAGE] = 7);
    SHOW(mprotect((void *)(p + 1), PAGE, PROT_READ));
    SHOW(mprotect((void *)p, PAGE, 0x40));
    SHOW(mprotect((void *)p, 0, PROT_READ));
    MUST(munmap((void *)(p + 4 * PAGE), PAGE));
    SHOW(mprotect((void *)(p + 3 * PAGE), 3 * PAGE, PROT_READ));
    FAULT(p[3 * PAGE] = 1); /* what came before the hole was changed */
    FAULT(p[5 * PAGE] = 1); /* what comes after was not */
    SHOW(mprotect((void *)(p + 4 * PAGE), PAGE, PROT_READ));
    /* the kernel's own accesses respect it */
    int fd = MUST(open("/dev/zero", O_RDONLY));
    SHOW(read(fd, (void *)(p + 3 * PAGE), 8));
    SHOW(read(fd, (void *)(p + 3 * PAGE - 4), 8));
}
