#include "t.h"
#include <poll.h>

static void *writer(void *arg) {
    int fd = MUST(open("p", O_WRONLY));
    write(fd, "through the fifo", 16);
    close(fd);
    return arg;
}

int main(void) {
    pthread_t t;
    char b[32] = {0};
    in_tmp();
    SHOW(mkfifo("p", 0644));
    SHOW(mkfifo("p", 0644));
    OK(open("p", O_WRONLY | O_NONBLOCK)); /* nobody reads */
    int r = MUST(open("p", O_RDONLY | O_NONBLOCK));
    struct pollfd p = {.fd = r, .events = POLLIN};
    SHOW(read(r, b, 1));
    SHOW(poll(&p, 1, 0));
    int w = MUST(open("p", O_WRONLY | O_NONBLOCK));
    SHOW(read(r, b, 1));
    SHOW(write(w, "abc", 3));
    SHOW(poll(&p, 1, 0));
    SHOW(read(r, b, 32));
    close(w);
    SHOW(poll(&p, 1, 0));
    SHOW(p.revents == POLLHUP);
    SHOW(read(r, b, 1));
    close(r);
    /* blocking opens meet */
    MUST(pthread_create(&t, NULL, writer, NULL));
    r = MUST(open("p", O_RDONLY));
    SHOW(read(r, b, 32));
    STR(b);
    SHOW(read(r, b, 1));
    MUST(pthread_join(t, NULL));
    close(r);
    int rw = MUST(open("p", O_RDWR)); /* Linux: both ends in one */
    SHOW(write(rw, "self", 4));
    SHOW(read(rw, b, 32));
    SHOW(lseek(rw, 0, SEEK_SET));
    SHOW(unlink("p"));
    SHOW(write(rw, "x", 1));
}
