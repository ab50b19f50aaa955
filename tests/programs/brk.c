#include "t.h"

static char *raw_brk(void *p) { return (char *)syscall(SYS_brk, p); }

int main(void) {
    catch_faults();
    char *start = raw_brk(NULL);
    char *base = (char *)(((uintptr_t)start + PAGE - 1) & ~(PAGE - 1));
    YES(raw_brk(base + 4 * PAGE) == base + 4 * PAGE);
    long sum = 0;
    for (size_t i = 0; i < 4 * PAGE; i++) sum += base[i];
    SHOW(sum);
    memset(base, 3, 4 * PAGE);
    YES(raw_brk(base + PAGE) == base + PAGE);
    FAULT(base[2 * PAGE] = 1);
    YES(raw_brk(base + 4 * PAGE) == base + 4 * PAGE);
    SHOW(base[0] + base[2 * PAGE]); /* given back and zero again */
    YES(raw_brk(base + 4 * PAGE + 123) == base + 4 * PAGE + 123); /* no rounding in the answer */
    base[4 * PAGE + 5] = 1;
    YES(raw_brk((void *)1) == base + 4 * PAGE + 123); /* refused: the old break comes back */
    YES(raw_brk((void *)(1UL << 47)) == base + 4 * PAGE + 123);
    YES(raw_brk(start) == start);
    /* a mapping in the way stops it */
    MUST(mmap(base + 16 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    YES(raw_brk(base + 32 * PAGE) == start);
    YES(raw_brk(base + 8 * PAGE) == base + 8 * PAGE);
    YES(sbrk(0) != (void *)-1);
}
