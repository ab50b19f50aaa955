#include "t.h"

int main(void) {
    in_tmp();
    struct statx x;
    struct stat s;
    put("f", "1234567");
    MUST(stat("f", &s));
    SHOW(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x));
    YES((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    SHOW(x.stx_size);
    SHOW(x.stx_nlink);
    printf("%o\n", x.stx_mode);
    YES(x.stx_ino == s.st_ino);
    YES(x.stx_uid == s.st_uid && x.stx_gid == s.st_gid);
    YES(x.stx_mtime.tv_sec == s.st_mtim.tv_sec && x.stx_mtime.tv_nsec == s.st_mtim.tv_nsec);
    YES(x.stx_blksize == s.st_blksize);
    MUST(symlink("f", "l"));
    SHOW(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x));
    YES(S_ISLNK(x.stx_mode));
    int fd = MUST(open("f", O_RDONLY));
    SHOW(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x));
    SHOW(x.stx_size);
    SHOW(statx(fd, "", 0, STATX_SIZE, &x));
    SHOW(statx(AT_FDCWD, "none", 0, STATX_SIZE, &x));
    SHOW(statx(AT_FDCWD, "f", 0x8000000, STATX_SIZE, &x));
    SHOW(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC, STATX_SIZE, &x));
    SHOW(statx(AT_FDCWD, "f", AT_STATX_SYNC_TYPE, STATX_SIZE, &x));
    SHOW(statx(AT_FDCWD, "f", 0, 0x80000000, &x));
    SHOW(statx(999, "f", 0, STATX_SIZE, &x));
    SHOW(statx(AT_FDCWD, "/dev/null", 0, STATX_BASIC_STATS, &x));
    SHOW(x.stx_rdev_major * 1000 + x.stx_rdev_minor);
}
