#include "t.h"

int main(void) {
    enum { N = 200 };
    unsigned char *p[N] = {0};
    size_t size[N] = {0};
    unsigned seed = 12345, errors = 0;
    unsigned long total = 0;
    for (int step = 0; step < 4000; step++) {
        seed = seed * 1103515245 + 12345;
        unsigned i = seed / 65536 % N;
        for (size_t k = 0; k < size[i]; k += 61) errors += p[i][k] != (unsigned char)(i + k);
        seed = seed * 1103515245 + 12345;
        size_t want = seed / 65536 % (step % 50 == 0 ? 300000 : 2000);
        if (seed & 0x100) {
            free(p[i]);
            p[i] = NULL, size[i] = 0;
            continue;
        }
        p[i] = realloc(p[i], want + 1);
        size[i] = want;
        for (size_t k = 0; k < want; k++) p[i][k] = (unsigned char)(i + k);
        total += want;
    }
    SHOW(errors);
    SHOW(total);
    for (int i = 0; i < N; i++) free(p[i]);
    unsigned char *z = calloc(1000, 100);
    unsigned sum = 0;
    for (int i = 0; i < 100000; i++) sum += z[i];
    SHOW(sum);
    free(z);
    void *a = NULL;
    ERR(posix_memalign(&a, 65536, 100));
    SHOW((uintptr_t)a % 65536);
    free(a);
    volatile size_t big = (size_t)1 << 62;
    YES(malloc(big) == NULL);
    void *large = malloc(32 << 20); /* a mapping of its own */
    memset(large, 1, PAGE);
    large = realloc(large, 64 << 20);
    SHOW(((char *)large)[PAGE - 1]);
    free(large);
}
