/* readall FILE... : reads each file to its end through a 64 KiB buffer and prints "read N bytes"; with no file, 0. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char buffer[65536];

int main(int argc, char **argv) {
    long long total = 0;
    for (int i = 1; i < argc; i++) {
        int fd = open(argv[i], O_RDONLY);
        ssize_t n = -1;
        if (fd >= 0) while ((n = read(fd, buffer, sizeof buffer)) > 0) total += n;
        if (n < 0) { perror(argv[i]); return 1; }
        close(fd);
    }
    printf("read %lld bytes\n", total);
    return 0;
}
