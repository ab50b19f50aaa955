#include "t.h"

int main(void) {
    in_tmp();
    MUST(mkdir("d", 0755));
    int d = MUST(open("d", O_RDONLY | O_DIRECTORY)), f, pd = MUST(open("d", O_PATH | O_DIRECTORY));
    char b[32] = {0};
    f = openat(d, "f", O_RDWR | O_CREAT, 0644);
    YES(f >= 0);
    SHOW(write(f, "at", 2));
    STR(get("d/f"));
    SHOW(mkdirat(d, "sub", 0755));
    SHOW(symlinkat("f", d, "s"));
    SHOW(readlinkat(d, "s", b, sizeof b));
    STR(b);
    SHOW(linkat(d, "f", d, "g", 0));
    SHOW(renameat(d, "g", AT_FDCWD, "h"));
    SHOW(unlinkat(d, "sub", AT_REMOVEDIR));
    SHOW(mkfifoat(d, "fifo", 0600));
    SHOW(access("d/fifo", F_OK));
    OK(openat(d, "../h", O_RDONLY));
    OK(openat(pd, "f", O_RDONLY)); /* a path descriptor serves as well */
    OK(openat(f, "x", O_RDONLY));
    OK(openat(999, "x", O_RDONLY));
    OK(openat(999, "/dev/null", O_RDONLY));
    OK(openat(d, "", O_RDONLY));
    SHOW(mkdirat(999, "x", 0755));
    SHOW(unlinkat(999, "x", 0));
    SHOW(symlinkat("x", f, "y"));
    SHOW(readlinkat(999, "x", b, sizeof b));
    /* openat2 */
    struct { uint64_t flags, mode, resolve; } how = {O_RDONLY, 0, 0};
    OK(syscall(437, d, "f", &how, sizeof how));
    how.resolve = 0x08; /* RESOLVE_BENEATH */
    OK(syscall(437, d, "../h", &how, sizeof how));
    OK(syscall(437, d, "/dev/null", &how, sizeof how));
    how.resolve = 0x04; /* RESOLVE_NO_SYMLINKS */
    OK(syscall(437, d, "s", &how, sizeof how));
    how.resolve = 0x10; /* RESOLVE_IN_ROOT */
    OK(syscall(437, d, "/f", &how, sizeof how));
    how.resolve = 0x1000;
    OK(syscall(437, d, "f", &how, sizeof how));
    OK(syscall(437, d, "f", &how, 8));
    /* the directory stays what it was when it moves */
    MUST(rename("d", "e"));
    OK(openat(d, "f", O_RDONLY));
}
