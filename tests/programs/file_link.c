#include "t.h"

int main(void) {
    in_tmp();
    struct stat a, b;
    put("f", "text");
    SHOW(link("f", "g"));
    MUST(stat("f", &a)), MUST(stat("g", &b));
    YES(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    SHOW(a.st_nlink);
    put("g", "through g");
    STR(get("f"));
    SHOW(link("f", "g"));
    SHOW(link("none", "h"));
    MUST(mkdir("d", 0755));
    SHOW(link("d", "h"));
    SHOW(link("f", "d/h"));
    SHOW(link("f", "none/h"));
    SHOW(unlink("f"));
    STR(get("g"));
    MUST(stat("g", &b));
    SHOW(b.st_nlink);
    /* a link to a symbolic link is one, unless told to follow */
    MUST(symlink("g", "s"));
    SHOW(linkat(AT_FDCWD, "s", AT_FDCWD, "s2", 0));
    MUST(lstat("s2", &b));
    YES(S_ISLNK(b.st_mode));
    SHOW(linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW));
    MUST(lstat("s3", &b));
    YES(S_ISREG(b.st_mode));
    SHOW(linkat(AT_FDCWD, "s", AT_FDCWD, "s4", 0x1));
    SHOW(unlink("d"));
    SHOW(unlink("none"));
    SHOW(unlink("g/"));
    SHOW(unlink("s"));
    STR(get("g"));
}
