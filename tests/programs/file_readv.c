#include "t.h"

int main(void) {
    in_tmp();
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    char a[4] = {0}, b[6] = {0}, c[64] = {0};
    struct iovec w[4] = {{"one ", 4}, {"two ", 4}, {NULL, 0}, {"three", 5}};
    SHOW(writev(fd, w, 4));
    lseek(fd, 0, SEEK_SET);
    struct iovec r[3] = {{a, 3}, {b, 5}, {c, 60}};
    SHOW(readv(fd, r, 3));
    STR(a), STR(b), STR(c);
    SHOW(readv(fd, r, 3));
    SHOW(writev(fd, w, 0));
    SHOW(writev(fd, w, -1));
    SHOW(writev(fd, w, 1025));
    SHOW(writev(fd, NULL, 1));
    struct iovec bad[2] = {{"ok", 2}, {(void *)8, 2}};
    SHOW(writev(fd, bad, 2)); /* what came before the bad one was written */
    bad[0].iov_base = (void *)8;
    SHOW(writev(fd, bad, 2));
    bad[0] = (struct iovec){"x", (size_t)1 << 63};
    SHOW(writev(fd, bad, 1));
    SHOW(readv(999, r, 1));
    struct iovec many[1024];
    for (int i = 0; i < 1024; i++) many[i] = (struct iovec){&"0123456789"[i % 10], 1};
    MUST(ftruncate(fd, 0)), lseek(fd, 0, SEEK_SET);
    SHOW(writev(fd, many, 1024));
    lseek(fd, 1018, SEEK_SET);
    memset(c, 0, sizeof c);
    SHOW(read(fd, c, 20));
    STR(c);
}
