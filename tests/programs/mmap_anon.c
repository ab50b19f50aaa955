#include "t.h"

int main(void) {
    catch_faults();
    char *p = MUST(mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    YES(((uintptr_t)p & (PAGE - 1)) == 0);
    long sum = 0;
    for (size_t i = 0; i < 8 * PAGE; i++) sum += p[i];
    SHOW(sum);
    memset(p, 7, 8 * PAGE);
    SHOW(p[0] + p[8 * PAGE - 1]);
    SHOW(munmap(p + 3 * PAGE, PAGE));
    FAULT(p[3 * PAGE] = 1);
    YES(fault_address == p + 3 * PAGE);
    SHOW(p[2 * PAGE] + p[4 * PAGE]);
    SHOW(munmap(p, 8 * PAGE));
    FAULT(p[0] = 1);
    SHOW(munmap(p, 8 * PAGE));
    SHOW(munmap(p + 1, PAGE));
    SHOW(munmap(p, 0));
    OK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    OK(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
    OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
    OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1));
    OK(mmap(NULL, 1UL << 48, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    p = MUST(mmap(NULL, 100, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_STACK, -1, 0));
    p[PAGE - 1] = 3; /* the length is rounded up to a page */
    SHOW(p[PAGE - 1]);
    SHOW(munmap(p, 100));
    FAULT(p[PAGE - 1] = 3);
}
