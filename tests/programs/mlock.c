#include "t.h"

int main(void) {
    char *p = MUST(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    unsigned char v[4];
    SHOW(mlock(p + PAGE, 2 * PAGE));
    SHOW(mincore(p, 4 * PAGE, v));
    SHOW(v[1] & v[2] & 1); /* locking brings the pages in */
    SHOW(mlock(p + PAGE + 5, 10));
    SHOW(munlock(p, 4 * PAGE));
    SHOW(munlock(p, 4 * PAGE));
    MUST(munmap(p + 2 * PAGE, PAGE));
    SHOW(mlock(p, 4 * PAGE));
    SHOW(munlock(p, 4 * PAGE));
    SHOW(mlockall(0));
    SHOW(mlockall(64));
    SHOW(munlockall());
}
