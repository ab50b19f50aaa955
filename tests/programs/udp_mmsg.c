#include "net.h"

int main(void) {
    int a = bound(AF_INET, SOCK_DGRAM), b = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    addr_t to = v4(port_of(a));
    MUST(connect(b, &to.sa, sizeof to.in));
    struct mmsghdr out[5] = {0}, in[8] = {0};
    struct iovec ov[5], iv[8];
    char text[5][16], got[8][16];
    for (int i = 0; i < 5; i++) {
        int n = snprintf(text[i], 16, "datagram %d", i * 111);
        ov[i] = (struct iovec){text[i], (size_t)n};
        out[i].msg_hdr.msg_iov = &ov[i], out[i].msg_hdr.msg_iovlen = 1;
    }
    memset(got, 0, sizeof got);
    for (int i = 0; i < 8; i++) {
        iv[i] = (struct iovec){got[i], 15};
        in[i].msg_hdr.msg_iov = &iv[i], in[i].msg_hdr.msg_iovlen = 1;
    }
    SHOW(sendmmsg(b, out, 5, 0));
    for (int i = 0; i < 5; i++) printf("%u ", out[i].msg_len);
    puts("");
    SHOW(recvmmsg(a, in, 2, 0, NULL));
    SHOW(recvmmsg(a, in + 2, 6, MSG_DONTWAIT, NULL));
    for (int i = 0; i < 5; i++) printf("%u %s\n", in[i].msg_len, got[i]);
    SHOW(recvmmsg(a, in, 8, MSG_DONTWAIT, NULL));
    SHOW(sendmmsg(b, out, 3, 0));
    SHOW(recvmmsg(a, in, 8, MSG_WAITFORONE, NULL));
    SHOW(sendmmsg(b, out, 0, 0));
    ov[1].iov_base = (void *)8;
    SHOW(sendmmsg(b, out, 3, 0)); /* those before the bad one */
    SHOW(sendmmsg(b, out + 1, 3, 0));
    SHOW(sendmmsg(999, out, 3, 0));
    SHOW(recvmmsg(999, in, 3, 0, NULL));
    SHOW(recv(a, got[0], 15, 0));
    struct timespec t = {0, -1};
    SHOW(recvmmsg(a, in, 1, 0, &t));
    /* the packet's destination by control message */
    int on = 1;
    SHOW(setsockopt(a, IPPROTO_IP, IP_PKTINFO, &on, sizeof on));
    SHOW(send(b, "x", 1, 0));
    union { char c[128]; struct cmsghdr align; } u;
    struct msghdr m = {.msg_iov = &iv[0], .msg_iovlen = 1, .msg_control = u.c, .msg_controllen = sizeof u.c};
    SHOW(recvmsg(a, &m, 0));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    YES(c && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO);
    if (c) {
        struct in_pktinfo i;
        memcpy(&i, CMSG_DATA(c), sizeof i);
        STR(inet_ntoa(i.ipi_addr));
    }
}
