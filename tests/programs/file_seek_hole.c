#include "t.h"

int main(void) {
    in_tmp();
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    struct stat st;
    SHOW(ftruncate(fd, 1 << 20));
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(lseek(fd, 0, SEEK_HOLE));
    SHOW(pwrite(fd, "data", 4, 256 * 1024));
    SHOW(pwrite(fd, "data", 4, 512 * 1024));
    fsync(fd);
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(lseek(fd, 256 * 1024, SEEK_DATA));
    SHOW(lseek(fd, 256 * 1024, SEEK_HOLE));
    SHOW(lseek(fd, 300 * 1024, SEEK_DATA));
    SHOW(lseek(fd, 512 * 1024 + 10, SEEK_HOLE));
    SHOW(lseek(fd, 520 * 1024, SEEK_DATA));
    SHOW(lseek(fd, 520 * 1024, SEEK_HOLE));
    SHOW(lseek(fd, 1 << 20, SEEK_HOLE));
    SHOW(lseek(fd, 1 << 20, SEEK_DATA));
    SHOW(lseek(fd, -1, SEEK_DATA));
    SHOW(fstat(fd, &st));
    SHOW(st.st_size);
    YES(st.st_blocks * 512 < 100 * 1024); /* holes cost nothing */
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 256 * 1024, 4096));
    SHOW(lseek(fd, 0, SEEK_DATA));
    char b[4];
    SHOW(pread(fd, b, 4, 256 * 1024));
    SHOW(b[0] + b[3]);
    SHOW(ftruncate(fd, 1LL << 40)); /* sparse to the extreme */
    SHOW(pwrite(fd, "end", 3, (1LL << 40) - 3));
    SHOW(pread(fd, b, 4, (1LL << 40) - 3));
    SHOW(lseek(fd, 0, SEEK_END) == 1LL << 40);
}
