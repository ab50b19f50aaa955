#include "t.h"
#include <utime.h>

static void show(const char *path) {
    struct stat s;
    MUST(lstat(path, &s));
    printf("%s %lld.%09ld %lld.%09ld\n", path, (long long)s.st_atim.tv_sec, s.st_atim.tv_nsec,
           (long long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}

int main(void) {
    in_tmp();
    put("f", ""), MUST(symlink("f", "l"));
    struct timespec t[2] = {{1000000000, 123456789}, {1500000000, 987654321}};
    SHOW(utimensat(AT_FDCWD, "f", t, 0)), show("f");
    t[0] = (struct timespec){0, UTIME_OMIT}, t[1] = (struct timespec){5, 6};
    SHOW(utimensat(AT_FDCWD, "f", t, 0)), show("f");
    SHOW(utimensat(AT_FDCWD, "l", (struct timespec[2]){{7, 8}, {9, 10}}, AT_SYMLINK_NOFOLLOW)), show("l"), show("f");
    int fd = MUST(open("f", O_RDWR));
    SHOW(futimens(fd, (struct timespec[2]){{70, 80}, {90, 100}})), show("f");
    struct timeval tv[2] = {{11, 22}, {33, 44}};
    SHOW(utimes("f", tv)), show("f");
    struct utimbuf u = {55, 66};
    SHOW(utime("f", &u)), show("f");
    struct timespec now;
    struct stat s;
    clock_gettime(CLOCK_REALTIME, &now);
    SHOW(utimensat(AT_FDCWD, "f", NULL, 0));
    MUST(stat("f", &s));
    YES(s.st_mtim.tv_sec - now.tv_sec <= 2 && s.st_mtim.tv_sec >= now.tv_sec - 1);
    t[0] = (struct timespec){-1000, 0}, t[1] = (struct timespec){0, UTIME_NOW};
    SHOW(utimensat(AT_FDCWD, "f", t, 0));
    MUST(stat("f", &s));
    SHOW(s.st_atim.tv_sec);
    YES(s.st_mtim.tv_sec >= now.tv_sec - 1);
    t[0] = t[1] = (struct timespec){0, 1000000000};
    SHOW(utimensat(AT_FDCWD, "f", t, 0));
    SHOW(utimensat(AT_FDCWD, "none", NULL, 0));
    SHOW(utimensat(AT_FDCWD, "f", NULL, 0x8000));
    SHOW(utimensat(999, "f", NULL, 0));
}
