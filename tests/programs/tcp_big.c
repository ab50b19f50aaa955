#include "net.h"

/* 8 MB each way at once, checked byte by byte */
enum { SIZE = 8 << 20 };
static uint32_t next(uint32_t *x) { return *x = *x * 1664525 + 1013904223; }
static void *send_all(void *arg) {
    int fd = *(int *)arg;
    static __thread uint32_t block[4096];
    uint32_t x = 42;
    for (int left = SIZE; left > 0; left -= (int)sizeof block) {
        for (int i = 0; i < 4096; i++) block[i] = next(&x);
        for (size_t off = 0; off < sizeof block;) off += (size_t)MUST(write(fd, (char *)block + off, sizeof block - off));
    }
    MUST(shutdown(fd, SHUT_WR));
    return NULL;
}
static void *take_all(void *arg) {
    int fd = *(int *)arg;
    static __thread uint32_t block[4096];
    uint32_t x = 42;
    long total = 0, wrong = 0;
    for (;;) {
        size_t have = 0;
        ssize_t n = 0;
        while (have < sizeof block && (n = read(fd, (char *)block + have, sizeof block - have)) > 0) have += (size_t)n;
        if (!have) break;
        total += (long)have;
        for (size_t i = 0; i < have / 4; i++) wrong += block[i] != next(&x);
        if (n <= 0) break;
    }
    return (void *)(total + wrong * 1000000000L);
}

int main(void) {
    int s[2];
    pthread_t t[4];
    void *a, *b;
    tcp_pair(s);
    MUST(pthread_create(&t[0], NULL, send_all, &s[0])), MUST(pthread_create(&t[1], NULL, take_all, &s[1]));
    MUST(pthread_create(&t[2], NULL, send_all, &s[1])), MUST(pthread_create(&t[3], NULL, take_all, &s[0]));
    MUST(pthread_join(t[1], &a)), MUST(pthread_join(t[3], &b));
    SHOW((long)a);
    SHOW((long)b);
}
