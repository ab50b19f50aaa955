#include "net.h"

int main(void) {
    in_tmp();
    addr_t a = unix_at("s");
    int p[2], l = MUST(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    char b[64] = {0};
    SHOW(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p));
    SHOW(send(p[0], "first", 5, 0)), SHOW(send(p[0], "second", 6, 0));
    SHOW(recv(p[1], b, sizeof b, 0));
    struct iovec v = {b, 3};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    SHOW(recvmsg(p[1], &m, 0));
    SHOW((m.msg_flags & MSG_TRUNC) != 0);
    SHOW((m.msg_flags & MSG_EOR) != 0);
    close(p[0]);
    SHOW(recv(p[1], b, sizeof b, 0));
    SHOW(send(p[1], "x", 1, MSG_NOSIGNAL));
    SHOW(bind(l, &a.sa, sizeof a.un)), SHOW(listen(l, 2));
    int c = MUST(socket(AF_UNIX, SOCK_SEQPACKET, 0)), s = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(connect(s, &a.sa, sizeof a.un)); /* the wrong type */
    SHOW(connect(c, &a.sa, sizeof a.un));
    int f = MUST(accept(l, NULL, NULL));
    SHOW(write(c, "abc", 3)), SHOW(write(c, "de", 2));
    SHOW(read(f, b, sizeof b)), SHOW(read(f, b, sizeof b));
    SHOW(connect(c, &a.sa, sizeof a.un));
    SHOW(shutdown(c, SHUT_WR));
    SHOW(read(f, b, sizeof b));
}
