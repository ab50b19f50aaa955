#include "t.h"

int main(void) {
    in_tmp();
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644)), p[2];
    char b[16] = {0};
    SHOW(pwrite(fd, "hello", 5, 3));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(pread(fd, b, 16, 0));
    for (int i = 0; i < 8; i++) printf("%02x", b[i]);
    puts("");
    SHOW(pread(fd, b, 4, 100));
    SHOW(pread(fd, b, 4, -1));
    SHOW(pwrite(fd, b, 4, -1));
    void *volatile bad = (void *)8;
    SHOW(pread(fd, bad, 4, 0));
    SHOW(pwrite(fd, bad, 4, 0));
    SHOW(pread(fd, b, 0, 0));
    MUST(pipe(p));
    SHOW(pread(p[0], b, 1, 0));
    SHOW(pwrite(p[1], b, 1, 0));
    struct iovec v[3] = {{"ab", 2}, {"cde", 3}, {"", 0}}, r[2] = {{b, 3}, {b + 8, 5}};
    SHOW(pwritev(fd, v, 3, 10));
    memset(b, '-', 16);
    SHOW(preadv(fd, r, 2, 9));
    printf("%02x%.2s %.3s\n", b[0], b + 1, b + 8);
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(pwritev2(fd, v, 2, -1, 0)); /* -1: at the position */
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(pwritev2(fd, v, 2, 0, RWF_APPEND));
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(pwritev2(fd, v, 2, 0, 0x8000));
}
