#include "t.h"

int main(void) {
    char *p = MUST(mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    (void)madvise(p, 8 * PAGE, MADV_NOHUGEPAGE);
    unsigned char v[8];
    p[0] = p[3 * PAGE] = p[7 * PAGE] = 1;
    SHOW(mincore(p, 8 * PAGE, v));
    for (int i = 0; i < 8; i++) printf("%d", v[i] & 1);
    puts("");
    SHOW(madvise(p, 4 * PAGE, MADV_DONTNEED));
    SHOW(mincore(p, 8 * PAGE, v));
    for (int i = 0; i < 8; i++) printf("%d", v[i] & 1);
    puts("");
    SHOW(mincore(p + 1, PAGE, v));
    SHOW(mincore(p, PAGE, NULL));
    SHOW(munmap(p + PAGE, PAGE));
    SHOW(mincore(p, 3 * PAGE, v));
    SHOW(mincore(p, 0, v));
}
