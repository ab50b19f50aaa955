#include "net.h"

int main(void) {
    int p[2];
    char b[64] = {0};
    signal(SIGPIPE, SIG_IGN);
    SHOW(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p));
    SHOW(fcntl(p[0], F_GETFD)), SHOW((fcntl(p[1], F_GETFL) & O_NONBLOCK) != 0);
    SHOW(read(p[0], b, 1));
    SHOW(write(p[0], "there", 5)), SHOW(write(p[1], "back", 4));
    int n = 0;
    SHOW(ioctl(p[1], FIONREAD, &n)), SHOW(n);
    SHOW(recv(p[1], b, 3, MSG_PEEK)), SHOW(recv(p[1], b, 64, 0)), SHOW(recv(p[0], b, 64, 0));
    struct pollfd q = {.fd = p[0], .events = POLLIN | POLLOUT | POLLRDHUP};
    SHOW(poll(&q, 1, 0)), printf("%x\n", q.revents);
    SHOW(shutdown(p[1], SHUT_WR));
    SHOW(poll(&q, 1, 0)), printf("%x\n", q.revents);
    SHOW(read(p[0], b, 1));
    SHOW(write(p[1], "x", 1));
    SHOW(write(p[0], "still", 5)), SHOW(read(p[1], b, 64));
    SHOW(shutdown(p[1], SHUT_RD));
    SHOW(write(p[0], "x", 1));
    SHOW(shutdown(p[1], 9));
    close(p[1]);
    SHOW(poll(&q, 1, 0)), printf("%x\n", q.revents);
    SHOW(write(p[0], "x", 1));
    /* closing with unread data resets the other side */
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    write(p[0], "unread", 6), close(p[1]);
    SHOW(read(p[0], b, 1)), SHOW(read(p[0], b, 1));
    OK(socketpair(AF_INET, SOCK_STREAM, 0, p));
    OK(socketpair(AF_UNIX, 99, 0, p));
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    int type = 0, domain = 0, listening = 9;
    socklen_t l = sizeof type;
    SHOW(getsockopt(p[0], SOL_SOCKET, SO_TYPE, &type, &l)), SHOW(type == SOCK_STREAM);
    SHOW(getsockopt(p[0], SOL_SOCKET, SO_DOMAIN, &domain, &l)), SHOW(domain == AF_UNIX);
    SHOW(getsockopt(p[0], SOL_SOCKET, SO_ACCEPTCONN, &listening, &l)), SHOW(listening);
    struct iovec v[2] = {{"gather ", 7}, {"write", 5}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
    SHOW(sendmsg(p[0], &m, 0)), SHOW(read(p[1], b, 64));
    printf("%.12s\n", b);
    SHOW(recv(p[1], b, 1, MSG_DONTWAIT));
    SHOW(write(p[0], "12345678", 8)), SHOW(recv(p[1], b, 8, MSG_WAITALL));
}
