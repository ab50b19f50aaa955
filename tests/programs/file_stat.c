#include "t.h"
#include <sys/sysmacros.h>

static void show(const char *path) {
    struct stat s;
    if (lstat(path, &s)) { printf("%s: %s\n", path, ename(errno)); return; }
    printf("%s: mode %o size %lld nlink %d rdev %u:%u blksize>=512 %d\n", path, s.st_mode,
           S_ISDIR(s.st_mode) ? -1LL : (long long)s.st_size, S_ISDIR(s.st_mode) ? -1 : (int)s.st_nlink,
           S_ISCHR(s.st_mode) ? major(s.st_rdev) : 0, S_ISCHR(s.st_mode) ? minor(s.st_rdev) : 0, s.st_blksize >= 512);
}

int main(void) {
    in_tmp();
    struct stat a, b;
    put("f", "12345"), MUST(mkdir("d", 0750)), MUST(symlink("f", "l")), MUST(mkfifo("p", 0620)), MUST(link("f", "f2"));
    show("f"), show("d"), show("l"), show("p"), show("none"), show("f/x"), show("");
    show("/dev/null"), show("/dev/zero"), show("/dev/full"), show("/dev/random"), show("/dev/urandom");
    MUST(stat("l", &a)), MUST(stat("f", &b));
    YES(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    YES(a.st_uid == getuid() && a.st_gid == getgid());
    YES(a.st_blocks >= 0 && a.st_blocks <= 16);
    MUST(stat(".", &a)), MUST(stat("d/..", &b));
    YES(a.st_ino == b.st_ino);
    MUST(stat("d", &b));
    YES(a.st_ino != b.st_ino && a.st_dev == b.st_dev);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    MUST(stat("f", &a));
    YES(now.tv_sec - a.st_mtim.tv_sec <= 2 && a.st_mtim.tv_sec <= now.tv_sec);
    int fd = MUST(open("f", O_RDWR)), pp[2];
    SHOW(fstat(fd, &b));
    YES(b.st_ino == a.st_ino);
    /* what changes what */
    msleep(20), MUST(write(fd, "x", 1)), MUST(fstat(fd, &b));
    YES(b.st_mtim.tv_nsec != a.st_mtim.tv_nsec || b.st_mtim.tv_sec != a.st_mtim.tv_sec);
    a = b, msleep(20), MUST(chmod("f", 0600)), MUST(fstat(fd, &b));
    YES(b.st_mtim.tv_nsec == a.st_mtim.tv_nsec);
    YES(b.st_ctim.tv_nsec != a.st_ctim.tv_nsec || b.st_ctim.tv_sec != a.st_ctim.tv_sec);
    MUST(stat("d", &a)), msleep(20), put("d/n", ""), MUST(stat("d", &b));
    YES(b.st_mtim.tv_nsec != a.st_mtim.tv_nsec || b.st_mtim.tv_sec != a.st_mtim.tv_sec);
    MUST(pipe(pp)), MUST(fstat(pp[0], &a));
    printf("pipe %o\n", a.st_mode & S_IFMT);
    SHOW(stat("f", (void *)8));
    SHOW(fstat(999, &a));
    /* *at forms */
    int d = MUST(open("d", O_RDONLY));
    SHOW(fstatat(d, "n", &a, 0));
    SHOW(fstatat(d, "../l", &a, AT_SYMLINK_NOFOLLOW));
    YES(S_ISLNK(a.st_mode));
    SHOW(fstatat(fd, "", &a, AT_EMPTY_PATH));
    SHOW(a.st_size);
    SHOW(fstatat(fd, "", &a, 0));
    SHOW(fstatat(fd, "x", &a, 0));
    SHOW(fstatat(999, "x", &a, 0));
    SHOW(fstatat(999, "/dev/null", &a, 0));
    SHOW(fstatat(d, "n", &a, 0x8000));
}
