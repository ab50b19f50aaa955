#include "t.h"

int main(void) {
    int fd = MUST(memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & O_ACCMODE);
    struct stat st;
    SHOW(fstat(fd, &st));
    SHOW(st.st_size);
    SHOW(S_ISREG(st.st_mode));
    SHOW(st.st_nlink);
    SHOW(write(fd, "hello", 5));
    SHOW(ftruncate(fd, 2 * PAGE));
    char *p = MUST(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    STR(p);
    strcpy(p + PAGE, "page two");
    char buf[16] = {0};
    SHOW(pread(fd, buf, 8, PAGE));
    STR(buf);
    SHOW(fcntl(fd, F_GET_SEALS));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    SHOW(ftruncate(fd, 3 * PAGE));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)); /* a writable mapping is there */
    SHOW(munmap(p, 2 * PAGE));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK));
    SHOW(pwrite(fd, "x", 1, 0));
    SHOW(ftruncate(fd, 0));
    OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    SHOW(fcntl(fd, F_GET_SEALS));
    int plain = MUST(memfd_create("", 0));
    SHOW(fcntl(plain, F_GETFD));
    SHOW(fcntl(plain, F_GET_SEALS));
    SHOW(fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE));
    SHOW(memfd_create("x", 0x4000));
    int two[2];
    MUST(pipe(two));
    SHOW(fcntl(two[0], F_GET_SEALS));
}
