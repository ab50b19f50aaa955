#include "t.h"
#include <sys/statvfs.h>
#include <sys/vfs.h>

int main(void) {
    in_tmp();
    struct statfs s;
    struct statvfs v;
    SHOW(statfs(".", &s));
    YES(s.f_bsize >= 512 && s.f_bsize <= 1 << 20);
    YES(s.f_namelen == 255);
    YES(s.f_blocks >= s.f_bfree && s.f_bfree >= s.f_bavail);
    SHOW(statvfs(".", &v));
    YES(v.f_namemax == 255);
    YES(v.f_frsize > 0);
    SHOW(statfs("/proc", &s));
    SHOW(s.f_type == 0x9fa0);
    SHOW(statfs("/dev/shm", &s));
    SHOW(s.f_type == 0x01021994);
    put("f", "");
    int fd = MUST(open("f", O_RDONLY)), p[2];
    SHOW(fstatfs(fd, &s));
    YES(s.f_namelen == 255);
    MUST(pipe(p));
    SHOW(fstatfs(p[0], &s));
    SHOW(s.f_type == 0x50495045);
    SHOW(statfs("none", &s));
    SHOW(statfs("f/x", &s));
    SHOW(statfs(".", (void *)8));
    SHOW(fstatfs(999, &s));
}
