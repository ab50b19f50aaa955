#include "t.h"
#include <poll.h>
#include <sys/inotify.h>

static int fd;
static void drain(const char *what) {
    static char b[4096] __attribute__((aligned(8)));
    ssize_t n = read(fd, b, sizeof b);
    printf("%s:", what);
    if (n < 0) printf(" %s", ename(errno));
    for (char *p = b; n > 0 && p < b + n;) {
        struct inotify_event *e = (struct inotify_event *)p;
        printf(" %x%s%s%s", e->mask, e->len ? "=" : "", e->len ? e->name : "", e->cookie ? "*" : "");
        p += sizeof *e + e->len;
    }
    puts("");
}

int main(void) {
    in_tmp();
    MUST(mkdir("d", 0755)), put("d/old", "");
    fd = MUST(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    int wd = inotify_add_watch(fd, "d", IN_ALL_EVENTS & ~(IN_ACCESS | IN_OPEN | IN_CLOSE_NOWRITE));
    SHOW(wd);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    SHOW(poll(&p, 1, 0));
    drain("nothing");
    put("d/new", "text");
    SHOW(poll(&p, 1, 0));
    int n = 0;
    SHOW(ioctl(fd, FIONREAD, &n));
    YES(n > 0);
    drain("create and write");
    chmod("d/new", 0600), drain("chmod");
    rename("d/new", "d/newer"), drain("rename");
    rename("d/newer", "out"), drain("moved away");
    rename("out", "d/back"), drain("moved in");
    mkdir("d/sub", 0755), drain("mkdir");
    unlink("d/back"), drain("unlink");
    rmdir("d/sub"), drain("rmdir");
    SHOW(inotify_add_watch(fd, "d", IN_DELETE)); /* the same watch, another mask */
    put("d/x", ""), unlink("d/x"), drain("only deletes");
    int wf = inotify_add_watch(fd, "d/old", IN_OPEN | IN_CLOSE | IN_ACCESS | IN_DELETE_SELF | IN_ATTRIB);
    SHOW(wf);
    put("d/old", "1"), get("d/old"), drain("file");
    SHOW(inotify_rm_watch(fd, wd));
    drain("watch removed");
    unlink("d/old"), drain("file deleted");
    SHOW(inotify_rm_watch(fd, wd));
    SHOW(inotify_add_watch(fd, "none", IN_CREATE));
    SHOW(inotify_add_watch(fd, "d", 0));
    SHOW(inotify_add_watch(1, "d", IN_CREATE));
    put("f", "");
    SHOW(inotify_add_watch(fd, "f", IN_CREATE | IN_ONLYDIR));
    SHOW(inotify_add_watch(fd, "d", IN_CREATE | IN_ONESHOT) > 0);
    put("d/1", ""), put("d/2", ""), drain("one shot");
    OK(inotify_init1(0x10));
}
