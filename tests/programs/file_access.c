#include "t.h"

int main(void) {
    in_tmp();
    put("f", ""), MUST(mkdir("d", 0755)), MUST(symlink("none", "dangling"));
    MUST(chmod("f", 0644));
    SHOW(access("f", F_OK));
    SHOW(access("f", R_OK | W_OK));
    SHOW(access("f", X_OK)); /* no x bit at all: refused to everybody */
    MUST(chmod("f", 0755));
    SHOW(access("f", X_OK));
    SHOW(access("d", R_OK | W_OK | X_OK));
    SHOW(access("none", F_OK));
    SHOW(access("f/x", F_OK));
    SHOW(access("dangling", F_OK));
    SHOW(faccessat(AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
    SHOW(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
    SHOW(access("f", 8));
    SHOW(access("", F_OK));
    SHOW(access((char *)8, F_OK));
    int d = MUST(open("d", O_RDONLY));
    SHOW(faccessat(d, "../f", F_OK, 0));
    SHOW(faccessat(d, "f", F_OK, 0));
    SHOW(faccessat(999, "f", F_OK, 0));
    SHOW(syscall(439, d, "", F_OK, AT_EMPTY_PATH)); /* faccessat2 */
    SHOW(syscall(439, d, "../f", F_OK, 0x8000));
    SHOW(euidaccess("f", R_OK));
}
