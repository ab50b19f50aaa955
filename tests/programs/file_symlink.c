#include "t.h"

int main(void) {
    in_tmp();
    char b[64] = {0}, small[3] = {0}, name[16], target[16];
    struct stat st;
    put("f", "text");
    SHOW(symlink("f", "s"));
    SHOW(symlink("f", "s"));
    SHOW(readlink("s", b, sizeof b));
    STR(b);
    SHOW(readlink("s", small, 0));
    SHOW(readlink("f", b, sizeof b));
    SHOW(readlink("none", b, sizeof b));
    STR(get("s"));
    SHOW(lstat("s", &st));
    YES(S_ISLNK(st.st_mode));
    SHOW(st.st_size);
    printf("%o\n", st.st_mode & 07777);
    /* loops and long chains */
    MUST(symlink("loop", "loop"));
    OK(open("loop", O_RDONLY));
    SHOW(stat("loop", &st));
    SHOW(lstat("loop", &st));
    MUST(symlink("b", "a")), MUST(symlink("a", "b"));
    OK(open("a/x", O_RDONLY));
    strcpy(target, "f");
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof name, "c%d", i);
        MUST(symlink(target, name));
        strcpy(target, name);
    }
    OK(open("c40", O_RDONLY));
    OK(open("c41", O_RDONLY));
    /* relative to where the link lies; absolute; through directories */
    MUST(mkdir("d", 0755)), put("d/x", "in d"), MUST(symlink("x", "d/y")), MUST(symlink("../f", "d/up"));
    STR(get("d/y")), STR(get("d/up"));
    MUST(symlink("d", "dl"));
    STR(get("dl/x")), STR(get("dl/../f"));
    MUST(symlink("/dev/null", "null"));
    STR(get("null"));
    SHOW(stat("null", &st));
    YES(S_ISCHR(st.st_mode));
    SHOW(symlink("", "empty"));
    SHOW(symlink("x", "none/s"));
    SHOW(stat("s/", &st));
    SHOW(lstat("dl/", &st));
    YES(S_ISDIR(st.st_mode));
    SHOW(rmdir("dl"));
    SHOW(unlink("dl/"));
    SHOW(unlink("dl"));
    char long_[5000];
    memset(long_, 'a', 4999), long_[4999] = 0;
    SHOW(symlink(long_, "l"));
}
