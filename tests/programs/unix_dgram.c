#include "net.h"

int main(void) {
    in_tmp();
    addr_t a = unix_at("a"), b = unix_at("b"), from;
    int s = MUST(socket(AF_UNIX, SOCK_DGRAM, 0)), c = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
    char buf[64] = {0};
    socklen_t n = sizeof from;
    SHOW(bind(s, &a.sa, sizeof a.un));
    SHOW(sendto(c, "anonymous", 9, 0, &a.sa, sizeof a.un));
    SHOW(recvfrom(s, buf, sizeof buf, 0, &from.sa, &n));
    STR(buf);
    SHOW(n);
    SHOW(bind(c, &b.sa, sizeof b.un));
    SHOW(sendto(c, "named", 5, 0, &a.sa, sizeof a.un));
    SHOW(sendto(c, "", 0, 0, &a.sa, sizeof a.un)); /* empty ones count */
    SHOW(sendto(c, "a longer datagram", 17, 0, &a.sa, sizeof a.un));
    n = sizeof from;
    SHOW(recvfrom(s, buf, sizeof buf, 0, &from.sa, &n));
    STR(from.un.sun_path);
    SHOW(recv(s, buf, sizeof buf, 0));
    SHOW(recv(s, buf, 4, MSG_PEEK | MSG_TRUNC));
    SHOW(recv(s, buf, 4, 0)); /* the rest is lost */
    SHOW(recv(s, buf, sizeof buf, MSG_DONTWAIT));
    SHOW(connect(c, &a.sa, sizeof a.un));
    SHOW(send(c, "connected", 9, 0));
    SHOW(recv(s, buf, sizeof buf, 0));
    SHOW(sendto(s, "reply", 5, 0, &b.sa, sizeof b.un));
    SHOW(recv(c, buf, sizeof buf, 0));
    /* a connected receiver takes only its peer's */
    int other = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
    SHOW(sendto(other, "x", 1, 0, &b.sa, sizeof b.un));
    close(s);
    SHOW(send(c, "x", 1, 0));
    SHOW(sendto(c, "x", 1, 0, &a.sa, sizeof a.un));
    unlink("a");
    SHOW(sendto(other, "x", 1, 0, &a.sa, sizeof a.un));
    SHOW(send(other, "x", 1, 0));
    SHOW(listen(other, 1));
    int p[2];
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    SHOW(send(p[0], "one", 3, 0)), SHOW(send(p[0], "two", 3, 0));
    SHOW(read(p[1], buf, sizeof buf)), SHOW(read(p[1], buf, sizeof buf));
    int big = 300000;
    char *data = calloc(1, (size_t)big);
    SHOW(send(p[0], data, (size_t)big, 0));
    int full = 0;
    while (send(p[0], data, 1000, MSG_DONTWAIT) == 1000) full++;
    STR(ename(errno));
    YES(full > 0);
    SHOW(recv(p[1], data, 2000, 0));
}
