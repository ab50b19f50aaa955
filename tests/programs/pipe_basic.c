#include "t.h"

int main(void) {
    int p[2];
    char b[32] = {0};
    SHOW(pipe(p));
    SHOW(write(p[1], "hello", 5));
    SHOW(write(p[1], " world", 6));
    int n = -1;
    SHOW(ioctl(p[0], FIONREAD, &n));
    SHOW(n);
    SHOW(read(p[0], b, 3));
    SHOW(read(p[0], b + 3, 29)); /* what is there, not what was asked */
    STR(b);
    SHOW(write(p[1], "", 0));
    SHOW(close(p[1]));
    SHOW(read(p[0], b, 1));
    SHOW(close(p[0]));
    SHOW(pipe2(p, O_CLOEXEC));
    SHOW(fcntl(p[0], F_GETFD));
    SHOW(pipe2(p, O_APPEND));
    SHOW(pipe((int *)8));
    SHOW(pipe2(p, O_DIRECT)); /* packets */
    SHOW(write(p[1], "one", 3));
    SHOW(write(p[1], "three", 5));
    SHOW(read(p[0], b, 32));
    SHOW(read(p[0], b, 2)); /* the rest of a packet is lost */
    MUST(fcntl(p[0], F_SETFL, O_NONBLOCK));
    SHOW(read(p[0], b, 32));
    struct stat st;
    SHOW(fstat(p[0], &st));
    YES(S_ISFIFO(st.st_mode));
    SHOW(st.st_size);
    SHOW(write(p[0], "x", 1));
    SHOW(read(p[1], b, 1));
}
