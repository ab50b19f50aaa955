#include "t.h"

int main(void) {
    in_tmp();
    put("f", "0123456789");
    int fd = MUST(open("f", O_RDWR)), p[2];
    char c;
    SHOW(lseek(fd, 4, SEEK_SET));
    SHOW(read(fd, &c, 1));
    SHOW(c);
    SHOW(lseek(fd, -2, SEEK_CUR));
    SHOW(lseek(fd, -3, SEEK_END));
    SHOW(lseek(fd, 100, SEEK_END));
    SHOW(read(fd, &c, 1));
    SHOW(lseek(fd, -1, SEEK_SET));
    SHOW(lseek(fd, -200, SEEK_CUR));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, 0, 77));
    SHOW(write(fd, "!", 1)); /* past the end: a hole */
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(pread(fd, &c, 1, 50));
    SHOW(c);
    MUST(pipe(p));
    SHOW(lseek(p[0], 0, SEEK_SET));
    SHOW(lseek(p[1], 0, SEEK_CUR));
    SHOW(lseek(999, 0, SEEK_SET));
    /* a duplicate shares the position, a second open does not */
    int d = MUST(dup(fd)), e = MUST(open("f", O_RDONLY));
    MUST(lseek(fd, 7, SEEK_SET));
    SHOW(lseek(d, 0, SEEK_CUR));
    SHOW(lseek(e, 0, SEEK_CUR));
    SHOW(lseek(fd, 1LL << 33, SEEK_SET));
    SHOW(lseek(fd, LLONG_MAX, SEEK_CUR));
    int n = MUST(open("/dev/null", O_RDWR));
    SHOW(lseek(n, 50, SEEK_SET));
}
