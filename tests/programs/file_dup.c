#include "t.h"

int main(void) {
    in_tmp();
    int fd = MUST(open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    int d = MUST(dup(fd));
    YES(d > fd);
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(d, F_GETFD)); /* the flag is not copied */
    SHOW(write(fd, "ab", 2));
    SHOW(write(d, "cd", 2));
    STR(get("f"));
    SHOW(dup2(fd, 100));
    SHOW(write(100, "ef", 2));
    SHOW(dup2(fd, fd) == fd);
    SHOW(dup3(fd, fd, 0));
    SHOW(dup3(fd, 101, O_CLOEXEC));
    SHOW(fcntl(101, F_GETFD));
    SHOW(dup3(fd, 102, O_APPEND));
    SHOW(dup2(999, 5));
    SHOW(dup2(999, 999));
    SHOW(dup2(fd, -1));
    SHOW(dup(999));
    /* flags of the open file are shared, closing one leaves the others */
    MUST(fcntl(d, F_SETFL, O_APPEND));
    SHOW((fcntl(100, F_GETFL) & O_APPEND) == O_APPEND);
    SHOW(close(fd));
    SHOW(write(d, "gh", 2));
    STR(get("f"));
    SHOW(fcntl(d, F_DUPFD, 200));
    SHOW(fcntl(d, F_DUPFD, 200));
    SHOW(fcntl(d, F_DUPFD_CLOEXEC, 200));
    SHOW(fcntl(202, F_GETFD));
    SHOW(fcntl(d, F_DUPFD, -1));
    put("g", "other");
    int g = MUST(open("g", O_RDONLY));
    SHOW(dup2(g, 100)); /* closes what was there */
    char b[8] = {0};
    SHOW(read(100, b, 8));
    STR(b);
    /* close_range */
    SHOW(syscall(436, 200, 201, 0));
    SHOW(fcntl(200, F_GETFD));
    SHOW(fcntl(202, F_GETFD));
    SHOW(syscall(436, 100, 150, 4)); /* CLOSE_RANGE_CLOEXEC */
    SHOW(fcntl(100, F_GETFD));
    SHOW(syscall(436, 150, 100, 0));
    SHOW(syscall(436, 100, 150, 0x80));
    struct rlimit l = {64, 1000};
    MUST(setrlimit(RLIMIT_NOFILE, &l));
    SHOW(dup2(g, 64));
    SHOW(dup2(g, 63));
    SHOW(fcntl(g, F_DUPFD, 64));
    SHOW(fcntl(g, F_DUPFD, 63));
    int n = 0;
    while (dup(g) >= 0) n++;
    STR(ename(errno));
    OK(open("f", O_RDONLY));
    OK(pipe((int[2]){0}));
}
