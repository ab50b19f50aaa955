#include "net.h"

static int send_fds(int s, const int *fds, int n, const char *text) {
    union { char c[CMSG_SPACE(8 * sizeof(int))]; struct cmsghdr align; } u = {0};
    struct iovec v = {(void *)text, strlen(text)};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = u.c, .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, (size_t)n * sizeof(int));
    return (int)sendmsg(s, &m, 0);
}
static int take(int s, int *fds, size_t space, int flags, int *mflags) {
    union { char c[CMSG_SPACE(8 * sizeof(int))]; struct cmsghdr align; } u = {0};
    char text[32] = {0};
    struct iovec v = {text, sizeof text};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = u.c, .msg_controllen = space};
    ssize_t n = recvmsg(s, &m, flags);
    *mflags = m.msg_flags;
    if (n < 0) return -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (!c) return 0;
    int count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds, CMSG_DATA(c), (size_t)count * sizeof(int));
    return count;
}

int main(void) {
    in_tmp();
    int s[2], got[8], f, fl;
    put("f", "0123456789");
    f = MUST(open("f", O_RDWR));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    SHOW(send_fds(s[0], &f, 1, "one"));
    SHOW(take(s[1], got, CMSG_SPACE(sizeof(int)), 0, &fl));
    YES(got[0] != f);
    char b[8] = {0};
    SHOW(read(got[0], b, 4)), SHOW(lseek(f, 0, SEEK_CUR)); /* the same description */
    SHOW(fcntl(got[0], F_GETFD));
    close(got[0]);
    int p[2];
    MUST(pipe(p));
    SHOW(send_fds(s[0], p, 2, "two"));
    SHOW(take(s[1], got, CMSG_SPACE(2 * sizeof(int)), MSG_CMSG_CLOEXEC, &fl));
    SHOW(fcntl(got[0], F_GETFD));
    SHOW(write(got[1], "pipe", 4)), SHOW(read(p[0], b, 4));
    /* closed by the sender while under way */
    f = MUST(open("f", O_RDONLY));
    SHOW(send_fds(s[0], &f, 1, "x")), close(f);
    SHOW(take(s[1], got, CMSG_SPACE(sizeof(int)), 0, &fl));
    SHOW(read(got[0], b, 3));
    /* too little room for the control message */
    SHOW(send_fds(s[0], p, 2, "x"));
    SHOW(take(s[1], got, CMSG_LEN(sizeof(int)), 0, &fl));
    SHOW((fl & MSG_CTRUNC) != 0);
    SHOW(send_fds(s[0], p, 1, "x"));
    SHOW(take(s[1], got, 0, 0, &fl));
    SHOW((fl & MSG_CTRUNC) != 0);
    SHOW(send_fds(s[0], p, 1, "y"));
    SHOW(read(s[1], b, 8)); /* plain read drops them */
    f = 999;
    SHOW(send_fds(s[0], &f, 1, "x"));
    /* a read stops after a message with descriptors */
    SHOW(send_fds(s[0], p, 1, "with")), SHOW(write(s[0], "plain", 5));
    char big[32];
    SHOW(read(s[1], big, sizeof big)), SHOW(read(s[1], big, sizeof big));
    /* the last copy under way, the pipe's other end notices when it goes */
    MUST(pipe(p));
    SHOW(send_fds(s[0], &p[1], 1, "x")), close(p[1]);
    struct pollfd q = {.fd = p[0], .events = POLLIN};
    SHOW(poll(&q, 1, 0));
    close(s[1]), close(s[0]);
    SHOW(poll(&q, 1, 1000)), SHOW(q.revents == POLLHUP);
}
