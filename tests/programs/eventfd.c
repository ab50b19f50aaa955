#include "t.h"
#include <poll.h>
#include <sys/eventfd.h>

static int fd;
static void *later(void *arg) { msleep(20), eventfd_write(fd, 5); return arg; }
static void *drain(void *arg) { uint64_t v; msleep(20), read(fd, &v, 8); return arg; }

int main(void) {
    uint64_t v = 0;
    pthread_t t;
    fd = MUST(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    SHOW(poll(&p, 1, 0)), SHOW(p.revents);
    SHOW(read(fd, &v, 8)), SHOW(v);
    SHOW(read(fd, &v, 8));
    SHOW(poll(&p, 1, 0)), SHOW(p.revents);
    v = 7;
    SHOW(write(fd, &v, 8)), SHOW(write(fd, &v, 8));
    SHOW(read(fd, &v, 8)), SHOW(v);
    v = UINT64_MAX;
    SHOW(write(fd, &v, 8));
    v = UINT64_MAX - 1;
    SHOW(write(fd, &v, 8));
    SHOW(poll(&p, 1, 0)), SHOW(p.revents);
    v = 1;
    SHOW(write(fd, &v, 8)); /* would overflow */
    SHOW(read(fd, &v, 4));
    SHOW(write(fd, &v, 4));
    SHOW(read(fd, &v, 8));
    YES(v == UINT64_MAX - 1);
    close(fd);
    fd = MUST(eventfd(4, EFD_SEMAPHORE));
    for (int i = 0; i < 4; i++) SHOW(read(fd, &v, 8)), SHOW(v);
    MUST(pthread_create(&t, NULL, later, NULL));
    SHOW(read(fd, &v, 8)), SHOW(v); /* blocks until written */
    MUST(pthread_join(t, NULL));
    close(fd);
    fd = MUST(eventfd(0, 0));
    v = UINT64_MAX - 1;
    MUST(write(fd, &v, 8));
    MUST(pthread_create(&t, NULL, drain, NULL));
    v = 2;
    SHOW(write(fd, &v, 8)); /* blocks until there is room */
    MUST(pthread_join(t, NULL));
    SHOW(read(fd, &v, 8)), SHOW(v);
    OK(eventfd(0, 0x10));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(pread(fd, &v, 8, 0));
}
