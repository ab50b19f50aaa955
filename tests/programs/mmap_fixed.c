#include "t.h"
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

int main(void) {
    catch_faults();
    char *p = MUST(mmap(NULL, 16 * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0));
    FAULT(p[0] = 1);
    YES(mmap(p + 4 * PAGE, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + 4 * PAGE);
    memset(p + 4 * PAGE, 1, 4 * PAGE);
    FAULT(p[8 * PAGE] = 1);
    YES(mmap(p + 6 * PAGE, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + 6 * PAGE);
    SHOW(p[5 * PAGE]);
    SHOW(p[6 * PAGE]); /* replaced: zero again */
    SHOW(p[9 * PAGE]);
    OK(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    OK(mmap(p + 4 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    OK(mmap(p + 3 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    SHOW(munmap(p + 12 * PAGE, 2 * PAGE));
    YES(mmap(p + 12 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + 12 * PAGE);
    OK(mmap(p + 12 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    p[12 * PAGE] = 5;
    SHOW(munmap(p + 14 * PAGE, PAGE));
    YES(mmap(p + 14 * PAGE, PAGE, RW, ANON, -1, 0) == p + 14 * PAGE); /* a free hint is honoured */
    YES(mmap(p + 12 * PAGE, PAGE, RW, ANON, -1, 0) != p + 12 * PAGE); /* a taken one is not */
    SHOW(p[12 * PAGE]);
    OK(mmap((void *)-PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    OK(mmap((void *)0x7ffffffff000, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    SHOW(munmap(p, 16 * PAGE));
    FAULT(p[12 * PAGE] = 1);
}
