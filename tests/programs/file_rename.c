#include "t.h"

int main(void) {
    in_tmp();
    put("a", "A"), put("b", "B");
    MUST(mkdir("d", 0755)), MUST(mkdir("e", 0755)), put("e/x", "X");
    SHOW(rename("a", "a2"));
    STR(get("a")), STR(get("a2"));
    int fd = MUST(open("b", O_RDONLY));
    SHOW(rename("a2", "b")); /* over an open file */
    STR(get("b"));
    char c;
    SHOW(read(fd, &c, 1));
    SHOW(c);
    SHOW(rename("b", "d"));
    SHOW(rename("d", "b"));
    SHOW(rename("d", "e"));
    SHOW(rename("e", "d")); /* over an empty directory */
    STR(get("d/x"));
    SHOW(rename("d", "d/inside"));
    SHOW(rename("none", "z"));
    SHOW(rename("b", "none/z"));
    SHOW(rename("b", "d/b"));
    SHOW(rename("d/b", "b/"));
    SHOW(rename("d/b", "d/b"));
    SHOW(link("d/b", "b"));
    SHOW(rename("d/b", "b")); /* two names of one file: nothing happens */
    STR(get("d/b")), STR(get("b"));
    SHOW(rename(".", "q"));
    SHOW(rename("d/..", "q"));
    MUST(symlink("b", "s"));
    SHOW(rename("s", "t"));
    SHOW(readlink("t", (char[8]){0}, 8));
    MUST(mkdir("m", 0755)), MUST(mkdir("m/n", 0755)), MUST(mkdir("o", 0755));
    SHOW(rename("m/n", "o/n")); /* a directory's parent changes */
    struct stat up, o;
    MUST(stat("o/n/..", &up)), MUST(stat("o", &o));
    YES(up.st_ino == o.st_ino);
    SHOW(rmdir("m"));
}
