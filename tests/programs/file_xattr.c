#include "t.h"
#include <sys/xattr.h>

int main(void) {
    in_tmp();
    char b[64];
    put("f", "");
    SHOW(getxattr("f", "user.none", b, sizeof b));
    SHOW(getxattr("none", "user.x", b, sizeof b));
    SHOW(getxattr("f", "nonsense", b, sizeof b));
    SHOW(getxattr("f", "security.capability", b, sizeof b));
    SHOW(listxattr("f", b, sizeof b));
    SHOW(listxattr("none", b, sizeof b));
    SHOW(removexattr("f", "user.none"));
    SHOW(setxattr("none", "user.x", "v", 1, 0));
    SHOW(setxattr("f", "nonsense", "v", 1, 0));
    SHOW(setxattr("f", "user.x", "v", 1, 0x40));
    SHOW(setxattr("f", "", "v", 1, 0));
    int fd = MUST(open("f", O_RDONLY));
    SHOW(fgetxattr(fd, "user.none", b, sizeof b));
    SHOW(flistxattr(fd, b, sizeof b));
    SHOW(fgetxattr(999, "user.x", b, sizeof b));
}
