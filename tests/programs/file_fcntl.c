#include "t.h"

int main(void) {
    in_tmp();
    int fd = MUST(open("f", O_RDWR | O_CREAT | O_NONBLOCK, 0644)), p[2];
    int seen = O_ACCMODE | O_APPEND | O_NONBLOCK | O_CREAT | O_TRUNC | O_EXCL;
    SHOW((fcntl(fd, F_GETFL) & seen) == (O_RDWR | O_NONBLOCK));
    SHOW(fcntl(fd, F_SETFL, O_APPEND | O_WRONLY | O_CREAT)); /* access mode and creation flags are left alone */
    SHOW((fcntl(fd, F_GETFL) & seen) == (O_RDWR | O_APPEND));
    SHOW(fcntl(fd, F_SETFD, FD_CLOEXEC));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_SETFD, 0));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(ioctl(fd, FIOCLEX));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(ioctl(fd, FIONCLEX));
    SHOW(fcntl(fd, F_GETFD));
    MUST(pipe2(p, O_NONBLOCK | O_CLOEXEC));
    SHOW((fcntl(p[0], F_GETFL) & seen) == (O_RDONLY | O_NONBLOCK));
    SHOW((fcntl(p[1], F_GETFL) & seen) == (O_WRONLY | O_NONBLOCK));
    SHOW(fcntl(p[1], F_GETFD));
    int on = 0;
    SHOW(ioctl(p[0], FIONBIO, &on));
    SHOW((fcntl(p[0], F_GETFL) & seen) == O_RDONLY);
    on = 1;
    SHOW(ioctl(p[0], FIONBIO, &on));
    SHOW((fcntl(p[0], F_GETFL) & seen) == O_NONBLOCK);
    SHOW(fcntl(fd, 9999));
    SHOW(fcntl(999, F_GETFL));
    SHOW(fcntl(999, F_DUPFD, 0));
    SHOW(fcntl(fd, F_SETOWN, getpid()));
    YES(fcntl(fd, F_GETOWN) == getpid());
    int path = MUST(open("f", O_PATH));
    SHOW((fcntl(path, F_GETFL) & O_PATH) == O_PATH);
    SHOW(fcntl(path, F_SETFL, 0));
    char c;
    SHOW(read(path, &c, 1));
    SHOW(write(path, &c, 1));
    SHOW(ioctl(path, FIONREAD, &on));
    struct stat st;
    SHOW(fstat(path, &st));
    SHOW(fchmod(path, 0600));
    SHOW(ioctl(fd, 0x5401, &st)); /* TCGETS: not a terminal */
    SHOW(isatty(fd));
    STR(ename(errno));
    SHOW(ioctl(999, FIONREAD, &on));
    put("n", "hello");
    int n = MUST(open("n", O_RDONLY));
    SHOW(ioctl(n, FIONREAD, &on));
    SHOW(on);
}
