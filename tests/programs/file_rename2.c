#include "t.h"

int main(void) {
    in_tmp();
    put("a", "A"), put("b", "B");
    MUST(mkdir("d", 0755)), put("d/x", "X");
    SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
    SHOW(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
    STR(get("c"));
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_EXCHANGE));
    STR(get("b")), STR(get("c"));
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "d", RENAME_EXCHANGE));
    STR(get("d")), STR(get("c/x"));
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "none", RENAME_EXCHANGE));
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "c/x", RENAME_EXCHANGE));
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "d", RENAME_EXCHANGE | RENAME_NOREPLACE));
    SHOW(renameat2(AT_FDCWD, "c", AT_FDCWD, "d", 64));
    int dir = MUST(open("c", O_RDONLY | O_DIRECTORY));
    SHOW(renameat(dir, "x", AT_FDCWD, "y"));
    SHOW(renameat(AT_FDCWD, "y", dir, "z"));
    STR(get("c/z"));
    SHOW(renameat(999, "y", dir, "z"));
}
