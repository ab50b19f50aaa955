#include "t.h"

/* one megabyte, in pieces of many sizes */
int main(void) {
    static char line[65536];
    unsigned x = 1;
    for (long total = 0, i = 0; total < 1 << 20; i++) {
        size_t n = 1 + (size_t)(i * 997 % 20011);
        for (size_t k = 0; k < n; k++) {
            x = x * 1664525 + 1013904223;
            line[k] = k % 64 == 63 ? '\n' : (char)('a' + x / 65536 % 26);
        }
        line[n - 1] = '\n';
        for (size_t off = 0; off < n;) {
            ssize_t w = write(1, line + off, n - off);
            if (w < 0) return 2;
            off += (size_t)w;
        }
        total += (long)n;
    }
}
