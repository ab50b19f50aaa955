#include "t.h"

int main(void) {
    in_tmp();
    struct stat st;
    SHOW(mkdir("d", 0777));
    SHOW(stat("d", &st));
    printf("%o\n", st.st_mode);
    SHOW(mkdir("d", 0777));
    SHOW(mkdir("d/", 0777));
    SHOW(mkdir("e/", 0700));
    SHOW(mkdir("none/x", 0777));
    put("f", "");
    SHOW(mkdir("f", 0777));
    SHOW(mkdir("f/x", 0777));
    SHOW(mkdir(".", 0777));
    SHOW(mkdir("d/..", 0777));
    SHOW(mkdir("", 0777));
    SHOW(mkdir("/", 0777));
    SHOW(mkdir("d/x", 0777));
    SHOW(stat("d", &st));
    SHOW(rmdir("d"));
    SHOW(rmdir("d/x/."));
    SHOW(rmdir("d/x/.."));
    SHOW(rmdir("d/x"));
    SHOW(rmdir("d/"));
    SHOW(rmdir("none"));
    SHOW(rmdir("f"));
    SHOW(rmdir("."));
    SHOW(rmdir("/"));
    SHOW(unlinkat(AT_FDCWD, "e", 0));
    SHOW(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
    SHOW(unlinkat(AT_FDCWD, "e", AT_REMOVEDIR));
    SHOW(unlinkat(AT_FDCWD, "e", 0x10));
    SHOW(mkdir("m", 01777));
    SHOW(stat("m", &st));
    printf("%o\n", st.st_mode);
    umask(077);
    SHOW(mkdir("u", 0777));
    SHOW(stat("u", &st));
    printf("%o\n", st.st_mode);
    char deep[600] = "";
    int depth = 0;
    for (; depth < 100; depth++) {
        strcat(deep, depth ? "/p" : "p");
        if (mkdir(deep, 0755)) break;
    }
    SHOW(depth);
    SHOW(rmdir(deep));
}
