#include "t.h"

static void show(const char *path) {
    struct stat s;
    MUST(lstat(path, &s));
    printf("%s %o own %d:%d\n", path, s.st_mode, s.st_uid == geteuid(), s.st_gid == getegid());
}

int main(void) {
    in_tmp();
    put("f", ""), MUST(mkdir("d", 0755)), MUST(symlink("f", "l"));
    show("f");
    SHOW(chmod("f", 0)), show("f");
    SHOW(chmod("l", 0640)), show("f");
    SHOW(chmod("f", 07777)), show("f");
    SHOW(chmod("f", 010644)), show("f"); /* the file type does not change */
    int fd = MUST(open("f", O_RDWR));
    SHOW(fchmod(fd, 0604)), show("f");
    SHOW(fchmodat(AT_FDCWD, "d", 01700, 0)), show("d");
    SHOW(chmod("none", 0));
    SHOW(chmod("f/x", 0));
    SHOW(fchmod(999, 0));
    SHOW(syscall(SYS_fchmodat, 999, "f", 0));
    /* own user and group, and "leave it" */
    SHOW(chown("f", getuid(), getgid()));
    SHOW(chown("f", (uid_t)-1, (gid_t)-1));
    SHOW(fchown(fd, getuid(), (gid_t)-1));
    SHOW(lchown("l", getuid(), getgid()));
    SHOW(fchownat(AT_FDCWD, "l", getuid(), getgid(), AT_SYMLINK_NOFOLLOW));
    SHOW(fchownat(fd, "", getuid(), getgid(), AT_EMPTY_PATH));
    SHOW(fchownat(AT_FDCWD, "f", getuid(), getgid(), 0x8000));
    SHOW(chown("none", 0, 0));
    /* chown takes the set-user-id bits off an executable */
    SHOW(chmod("f", 06755)), show("f");
    SHOW(chown("f", getuid(), getgid())), show("f");
    SHOW(umask(027) == 022);
    SHOW(umask(07777) == 027);
    SHOW(umask(022) == 0777);
    OK(open("g", O_CREAT | O_WRONLY, 07777)), show("g");
    umask(0);
    OK(open("h", O_CREAT | O_WRONLY, 0666)), show("h");
}
