#include "net.h"

int main(void) {
    int a = bound(AF_INET, SOCK_DGRAM), b = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    addr_t to = v4(port_of(a)), from;
    char buf[64] = {0};
    socklen_t n = sizeof from;
    SHOW(recv(a, buf, 1, MSG_DONTWAIT));
    SHOW(sendto(b, "hello", 5, 0, &to.sa, sizeof to.in));
    SHOW(recvfrom(a, buf, sizeof buf, 0, &from.sa, &n)), SHOW(n);
    STR(buf);
    YES(ntohs(from.in.sin_port) == port_of(b)); /* bound by its first send */
    SHOW(sendto(a, "reply", 5, 0, &from.sa, n));
    SHOW(recv(b, buf, sizeof buf, 0));
    SHOW(sendto(b, "", 0, 0, &to.sa, sizeof to.in));
    SHOW(recv(a, buf, sizeof buf, 0));
    SHOW(sendto(b, "0123456789", 10, 0, &to.sa, sizeof to.in)), SHOW(sendto(b, "next", 4, 0, &to.sa, sizeof to.in));
    SHOW(wait_for(a, POLLIN));
    int q = 0;
    SHOW(ioctl(a, FIONREAD, &q)), SHOW(q); /* of the first datagram */
    SHOW(recv(a, buf, 4, MSG_PEEK | MSG_TRUNC));
    struct iovec v = {buf, 4};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_name = &from, .msg_namelen = sizeof from};
    SHOW(recvmsg(a, &m, 0)), SHOW((m.msg_flags & MSG_TRUNC) != 0), SHOW(m.msg_namelen);
    SHOW(recv(a, buf, sizeof buf, 0));
    SHOW(send(b, "x", 1, 0)); /* no destination */
    SHOW(connect(b, &to.sa, sizeof to.in));
    SHOW(send(b, "connected", 9, 0)), SHOW(recv(a, buf, sizeof buf, 0));
    n = sizeof from;
    SHOW(getpeername(b, &from.sa, &n));
    YES(from.in.sin_port == to.in.sin_port);
    /* a connected one hears only its peer */
    int c = bound(AF_INET, SOCK_DGRAM);
    addr_t tb = v4(port_of(b));
    SHOW(sendto(c, "stranger", 8, 0, &tb.sa, sizeof tb.in));
    SHOW(sendto(a, "friend", 6, 0, &tb.sa, sizeof tb.in));
    SHOW(recv(b, buf, sizeof buf, 0)), printf("%.6s\n", buf);
    SHOW(recv(b, buf, sizeof buf, MSG_DONTWAIT));
    addr_t none = {0};
    SHOW(connect(b, &none.sa, sizeof none.in)); /* AF_UNSPEC takes the connection away */
    SHOW(send(b, "x", 1, 0));
    SHOW(getpeername(b, &from.sa, &n));
    /* sizes */
    static char big[70000], back[70000];
    memset(big, 'z', sizeof big);
    SHOW(sendto(b, big, 65507, 0, &to.sa, sizeof to.in));
    SHOW(recv(a, back, sizeof back, 0)), SHOW(memcmp(big, back, 65507));
    SHOW(sendto(b, big, 65508, 0, &to.sa, sizeof to.in));
    SHOW(sendto(b, "x", 1, 0, &to.sa, 4));
    SHOW(sendto(b, "x", 1, 0, &(addr_t){.in.sin_family = AF_INET6}.sa, sizeof to.in));
    to.in.sin_port = 0;
    SHOW(sendto(b, "x", 1, 0, &to.sa, sizeof to.in));
    SHOW(listen(b, 1)), SHOW(shutdown(c, SHUT_RD));
    int d = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    to = v4(port_of(a));
    SHOW(bind(d, &to.sa, sizeof to.in));
}
