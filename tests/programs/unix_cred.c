#include "net.h"
#include <stddef.h>

int main(void) {
    int s[2], on = 1;
    struct ucred c;
    socklen_t n = sizeof c;
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    SHOW(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &c, &n));
    SHOW(n);
    YES(c.pid == getpid() && c.uid == geteuid() && c.gid == getegid());
    int u = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(getsockopt(u, SOL_SOCKET, SO_PEERCRED, &c, &n));
    printf("%d %d %d\n", c.pid, (int)c.uid, (int)c.gid);
    /* SCM_CREDENTIALS */
    SHOW(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    SHOW(write(s[0], "x", 1));
    union { char b[CMSG_SPACE(sizeof c)]; struct cmsghdr align; } ctl = {0};
    char t;
    struct iovec v = {&t, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl.b, .msg_controllen = sizeof ctl.b};
    SHOW(recvmsg(s[1], &m, 0));
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    YES(h && h->cmsg_type == SCM_CREDENTIALS);
    if (h) memcpy(&c, CMSG_DATA(h), sizeof c);
    YES(c.pid == getpid() && c.uid == getuid() && c.gid == getgid());
    /* abstract names */
    addr_t a = {0}, got;
    a.un.sun_family = AF_UNIX;
    memcpy(a.un.sun_path, "\0pith-abstract\0x", 16);
    socklen_t al = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 16);
    int l = MUST(socket(AF_UNIX, SOCK_STREAM, 0)), l2 = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(l, &a.sa, al)), SHOW(listen(l, 1));
    SHOW(bind(l2, &a.sa, al));
    SHOW(connect(u, &a.sa, al - 1)); /* every byte of the name counts */
    SHOW(connect(u, &a.sa, al));
    n = sizeof got;
    SHOW(getpeername(u, &got.sa, &n)), SHOW(n == al);
    SHOW(memcmp(got.un.sun_path, a.un.sun_path, 16));
    n = sizeof c;
    SHOW(getsockopt(u, SOL_SOCKET, SO_PEERCRED, &c, &n));
    YES(c.pid == getpid());
    close(l);
    SHOW(bind(l2, &a.sa, al)); /* free again with the socket */
    /* autobind: five hexadecimal digits */
    int x = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
    SHOW(bind(x, &a.sa, sizeof(sa_family_t)));
    n = sizeof got;
    SHOW(getsockname(x, &got.sa, &n)), SHOW(n);
    SHOW(got.un.sun_path[0]);
    SHOW(bind(x, &a.sa, 1));
    a.un.sun_family = AF_INET;
    SHOW(bind(MUST(socket(AF_UNIX, SOCK_DGRAM, 0)), &a.sa, sizeof a.un));
    SHOW(connect(x, &a.sa, sizeof a.un));
}
