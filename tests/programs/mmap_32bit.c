#include "t.h"

int main(void) {
    for (int i = 0; i < 3; i++) {
        char *p = MUST(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));
        YES((uintptr_t)p + 16 * PAGE <= 1UL << 31);
        p[0] = 1, p[16 * PAGE - 1] = 2;
        SHOW(p[0] + p[16 * PAGE - 1]);
    }
    char *p = MUST(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    YES((uintptr_t)p > 1UL << 32);
    OK(mmap(NULL, 1UL << 32, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT, -1, 0));
}
