#include "t.h"
#define TIB (1UL << 40)

int main(void) {
    catch_faults();
    volatile char *p = MUST(mmap(NULL, 8 * TIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    FAULT(p[5 * TIB] = 1);
    volatile long sum = 0;
    for (unsigned long i = 0; i < 8; i++) {
        volatile char *q = p + i * TIB + i * 17 * PAGE;
        MUST(mprotect((char *)q, 2 * PAGE, PROT_READ | PROT_WRITE));
        q[0] = (char)(i + 1), q[2 * PAGE - 1] = (char)(10 * i);
        sum += q[0] + q[2 * PAGE - 1] + q[PAGE];
    }
    SHOW(sum);
    FAULT(p[TIB + 19 * PAGE] = 1);
    SHOW(mprotect((char *)p + TIB, TIB, PROT_NONE));
    FAULT(sum += p[TIB + 17 * PAGE]);
    SHOW(mprotect((char *)p + TIB + 17 * PAGE, PAGE, PROT_READ));
    SHOW(p[TIB + 17 * PAGE]); /* still what was written */
    SHOW(madvise((char *)p, 8 * TIB, MADV_DONTNEED));
    SHOW(p[TIB + 17 * PAGE]);
    SHOW(munmap((char *)p + 4 * TIB, TIB));
    FAULT(sum += p[4 * TIB + 68 * PAGE]);
    SHOW(munmap((char *)p, 8 * TIB));
    /* many of them, as garbage collectors do */
    int got = 0;
    for (int i = 0; i < 8; i++)
        got += mmap(NULL, TIB / 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED;
    SHOW(got);
}
