#include "t.h"
#include <poll.h>

int main(void) {
    char b[64];
    memset(b, 7, sizeof b);
    int null = MUST(open("/dev/null", O_RDWR)), zero = MUST(open("/dev/zero", O_RDWR)), full = MUST(open("/dev/full", O_RDWR));
    SHOW(write(null, b, 64));
    SHOW(read(null, b, 64));
    SHOW(b[0]);
    SHOW(read(zero, b, 64));
    SHOW(b[0] + b[63]);
    SHOW(write(zero, b, 64));
    memset(b, 7, sizeof b);
    SHOW(read(full, b, 64));
    SHOW(b[0] + b[63]);
    SHOW(write(full, b, 1));
    const char *random[] = {"/dev/urandom", "/dev/random"};
    for (int i = 0; i < 2; i++) {
        int fd = MUST(open(random[i], O_RDONLY));
        unsigned char x[256], y[256];
        SHOW(read(fd, x, 256));
        SHOW(read(fd, y, 256));
        YES(memcmp(x, y, 256) != 0);
        int ones = 0;
        for (int k = 0; k < 256; k++) ones += __builtin_popcount(x[k]);
        YES(ones > 800 && ones < 1250);
    }
    struct pollfd p[] = {{.fd = null, .events = POLLIN | POLLOUT}, {.fd = zero, .events = POLLIN | POLLOUT}};
    SHOW(poll(p, 2, 0));
    printf("%x %x\n", p[0].revents, p[1].revents);
    SHOW(ftruncate(null, 0));
    SHOW(ioctl(null, FIONREAD, b));
    SHOW(isatty(null));
    OK(open("/dev/null", O_RDWR | O_TRUNC | O_CREAT, 0644));
    OK(open("/dev/none", O_RDONLY));
    SHOW(access("/dev/shm", W_OK | X_OK));
    SHOW(access("/dev/fd/0", F_OK));
    SHOW(access("/dev/stdin", F_OK));
    char *m = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0));
    m[1] = 2;
    SHOW(m[0] + m[1]);
    OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, null, 0));
    int shm = shm_open("/pith-test-shm", O_RDWR | O_CREAT | O_EXCL, 0600);
    YES(shm >= 0);
    SHOW(ftruncate(shm, PAGE));
    SHOW(pwrite(shm, "shared", 6, 0));
    m = MUST(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, shm, 0));
    STR(m);
    SHOW(shm_unlink("/pith-test-shm"));
    OK(shm_open("/pith-test-shm", O_RDWR, 0));
}
