#include "t.h"

int main(void) {
    in_tmp();
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644)), p[2];
    struct stat st;
    char b[8192];
    SHOW(fallocate(fd, 0, 0, 10000));
    SHOW(fstat(fd, &st));
    SHOW(st.st_size);
    YES(st.st_blocks * 512 >= 10000);
    SHOW(pread(fd, b, 8, 5000));
    SHOW(b[0]);
    SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 10000, 10000));
    SHOW(fstat(fd, &st));
    SHOW(st.st_size);
    memset(b, 'x', sizeof b);
    SHOW(pwrite(fd, b, 8192, 0));
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1000, 4000));
    SHOW(pread(fd, b, 8192, 0));
    SHOW(b[999]);
    SHOW(b[1000] + b[4999]);
    SHOW(b[5000]);
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
    SHOW(fallocate(fd, 0, -1, 10));
    SHOW(fallocate(fd, 0, 0, 0));
    ERR(posix_fallocate(fd, 0, 30000));
    SHOW(lseek(fd, 0, SEEK_END));
    int r = MUST(open("f", O_RDONLY));
    SHOW(fallocate(r, 0, 0, 10));
    MUST(pipe(p));
    SHOW(fallocate(p[1], 0, 0, 10));
    ERR(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    ERR(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    ERR(posix_fadvise(fd, 0, 0, 99));
    ERR(posix_fadvise(p[0], 0, 0, 0));
    SHOW(fsync(fd));
    SHOW(fdatasync(fd));
    SHOW(fsync(p[0]));
    SHOW(sync_file_range(fd, 0, 4096, SYNC_FILE_RANGE_WRITE));
    SHOW(syncfs(fd));
}
