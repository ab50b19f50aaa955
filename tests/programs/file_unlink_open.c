#include "t.h"

int main(void) {
    in_tmp();
    put("f", "still here");
    int fd = MUST(open("f", O_RDWR));
    struct stat st, st2;
    char b[32] = {0};
    SHOW(unlink("f"));
    SHOW(access("f", F_OK));
    SHOW(fstat(fd, &st));
    SHOW(st.st_nlink);
    SHOW(read(fd, b, sizeof b));
    STR(b);
    SHOW(write(fd, "!", 1));
    SHOW(lseek(fd, 0, SEEK_END));
    put("f", "a new one");
    MUST(stat("f", &st2));
    YES(st.st_ino != st2.st_ino);
    SHOW(pread(fd, b, 5, 0));
    STR(b);
    /* reopened by its /proc name */
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    STR(get(path));
    SHOW(close(fd));
    /* a removed directory that is still somebody's place */
    MUST(mkdir("d", 0755));
    int d = MUST(open("d", O_RDONLY | O_DIRECTORY));
    SHOW(chdir("d"));
    SHOW(rmdir("../d"));
    OK(open("x", O_RDWR | O_CREAT, 0644));
    YES(getcwd(b, sizeof b) == NULL);
    STR(ename(errno));
    SHOW(openat(d, "x", O_RDWR | O_CREAT, 0644));
    SHOW(fstat(d, &st));
    SHOW(st.st_nlink);
    OK(open("..", O_RDONLY));
    SHOW(chdir(".."));
    STR(get("f"));
}
