#include "t.h"

int main(void) {
    in_tmp();
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0600));
    SHOW(ftruncate(fd, 3 * PAGE));
    char *a = MUST(mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    char *b = MUST(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, PAGE));
    char buf[32] = {0};
    strcpy(a + PAGE, "through the map");
    STR(b);
    SHOW(pread(fd, buf, sizeof buf, PAGE));
    STR(buf);
    SHOW(pwrite(fd, "by pwrite", 10, PAGE + 100));
    STR(a + PAGE + 100);
    STR(b + 100);
    lseek(fd, 2 * PAGE, SEEK_SET);
    SHOW(write(fd, "by write", 9));
    STR(b + PAGE);
    SHOW(msync(a, 3 * PAGE, MS_SYNC));
    SHOW(msync(a, PAGE, MS_ASYNC));
    SHOW(msync(a + 1, PAGE, MS_SYNC));
    SHOW(msync(a, PAGE, MS_SYNC | MS_ASYNC));
    close(fd);
    strcpy(a, "after close");
    fd = MUST(open("f", O_RDONLY));
    SHOW(read(fd, buf, sizeof buf));
    STR(buf);
    /* a write across a page border seen through the map, growth included */
    int g = MUST(open("f", O_WRONLY));
    SHOW(pwrite(g, "XYZW", 4, PAGE - 2));
    printf("%.2s %.2s\n", a + PAGE - 2, a + PAGE);
    SHOW(munmap(a, 3 * PAGE));
    SHOW(munmap(b, 2 * PAGE));
    SHOW(msync(a, PAGE, MS_SYNC));
    OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, g, 0));
    OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    char *ro = MUST(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    SHOW(mprotect(ro, PAGE, PROT_READ | PROT_WRITE));
    unlink("f");
    STR(ro); /* the mapping outlives the name */
}
