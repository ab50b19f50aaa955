#include "t.h"

int main(void) {
    in_tmp();
    put("f", "0123456789");
    char b[8192];
    struct stat st;
    SHOW(truncate("f", 4));
    STR(get("f"));
    SHOW(truncate("f", 8)); /* grows by zeros, not by what was there */
    int fd = MUST(open("f", O_RDWR));
    SHOW(read(fd, b, 20));
    SHOW(b[3] + b[4] + b[7]);
    SHOW(ftruncate(fd, 5000));
    SHOW(fstat(fd, &st));
    SHOW(st.st_size);
    SHOW(pwrite(fd, "tail", 4, 4094));
    SHOW(ftruncate(fd, 4096));
    SHOW(ftruncate(fd, 8192));
    SHOW(pread(fd, b, 4, 4094));
    printf("%c%c %d %d\n", b[0], b[1], b[2], b[3]);
    SHOW(ftruncate(fd, 0));
    SHOW(read(fd, b, 1));
    SHOW(lseek(fd, 0, SEEK_CUR)); /* the position stays */
    SHOW(ftruncate(fd, -1));
    SHOW(truncate("f", -1));
    SHOW(truncate("none", 0));
    SHOW(truncate(".", 0));
    int r = MUST(open("f", O_RDONLY)), p[2];
    SHOW(ftruncate(r, 0));
    MUST(pipe(p));
    SHOW(ftruncate(p[1], 0));
    SHOW(ftruncate(999, 0));
    /* the size limit is an errno and a signal */
    struct rlimit l = {1 << 20, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    SHOW(setrlimit(RLIMIT_FSIZE, &l));
    MUST(lseek(fd, (1 << 20) - 6, SEEK_SET));
    SHOW(write(fd, b, 20)); /* up to the limit */
    SHOW(write(fd, b, 20));
    SHOW(ftruncate(fd, (1 << 20) + 1));
}
