#include "t.h"

int main(void) {
    in_tmp();
    put("f", "hello");
    int fd = MUST(open("f", O_RDWR)), d = MUST(open(".", O_RDONLY));
    char b[16];
    void *volatile bad = (void *)8;
    SHOW(read(999, b, 1));
    SHOW(write(999, b, 1));
    SHOW(read(d, b, 1));
    SHOW(write(d, b, 1));
    SHOW(read(fd, bad, 1));
    SHOW(write(fd, bad, 1));
    SHOW(read(fd, bad, 0));
    SHOW(read(fd, b, 0));
    SHOW(lseek(fd, 0, SEEK_CUR)); /* nothing moved */
    SHOW(read(fd, b, 16));
    SHOW(read(fd, bad, 1)); /* at the end nobody looks at the buffer */
    /* a buffer that is half there */
    char *p = MUST(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    MUST(munmap(p + PAGE, PAGE));
    int z = MUST(open("/dev/zero", O_RDONLY)), q[2];
    SHOW(read(z, p + PAGE - 10, 20));
    MUST(pipe(q));
    memset(p, 'x', PAGE);
    SHOW(write(q[1], p, PAGE));
    SHOW(read(q[0], p + PAGE - 10, 10));
    SHOW(stat(p + PAGE - 1, (void *)b)); /* a path that runs off the page */
    memcpy(p + PAGE - 2, "f", 2);
    OK(open(p + PAGE - 2, O_RDONLY));
    SHOW(write(fd, b, SIZE_MAX));
    SHOW(read(q[1], b, 1));
    SHOW(write(q[0], b, 1));
    SHOW(ioctl(d, FIONREAD, b));
    SHOW(fsync(999));
    SHOW(ftruncate(d, 0));
}
