#include "t.h"

int main(void) {
    static char buffer[4096];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    printf("first, buffered\n");
    fflush(stdout);
    write(1, "second, direct\n", 15);
    printf("third, buffered\n");
    write(1, "before the third\n", 17);
    fflush(stdout);
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("fourth ");
    write(1, "fifth\n", 6);
    dprintf(1, "%s %d\n", "sixth", 6);
    struct iovec v[3] = {{"se", 2}, {"ven", 3}, {"th\n", 3}};
    writev(1, v, 3);
    /* bytes of all kinds go through unchanged */
    unsigned char all[256];
    for (int i = 0; i < 256; i++) all[i] = (unsigned char)i;
    write(1, all, 256);
    write(1, "\r\n\t\033[0m\n", 8);
    int null = open("/dev/null", O_WRONLY), saved = dup(1);
    dup2(null, 1), puts("not seen"), dup2(saved, 1);
    puts("seen");
    printf("%d %ld %x %o %e %g %a %c %s %p\n", -1, 1L << 40, 255, 8, 1.5, 1e-10, 1.0, 'c', "str", (void *)0);
    printf("%5d|%-5d|%05d|%+d|%.3f|%10.4f|%s\n", 42, 42, 42, 42, 3.14159, 2.71828, "end");
}
