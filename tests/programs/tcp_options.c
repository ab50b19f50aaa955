#include "net.h"

static int fd;
static void round_trip(const char *name, int level, int opt, int value) {
    int v = value, got = -1;
    socklen_t n = sizeof got;
    printf("%s: ", name);
    if (setsockopt(fd, level, opt, &v, sizeof v)) printf("set %s, ", ename(errno));
    if (getsockopt(fd, level, opt, &got, &n)) printf("get %s\n", ename(errno));
    else printf("%d (%d bytes)\n", got, (int)n);
}
#define BOTH(level, opt, value) round_trip(#opt, level, opt, value)

int main(void) {
    fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    BOTH(SOL_SOCKET, SO_REUSEADDR, 1), BOTH(SOL_SOCKET, SO_REUSEADDR, 0), BOTH(SOL_SOCKET, SO_REUSEPORT, 1);
    BOTH(SOL_SOCKET, SO_KEEPALIVE, 5), BOTH(SOL_SOCKET, SO_BROADCAST, 1), BOTH(SOL_SOCKET, SO_OOBINLINE, 1);
    BOTH(SOL_SOCKET, SO_PRIORITY, 3), BOTH(SOL_SOCKET, SO_DONTROUTE, 0);
    BOTH(SOL_SOCKET, SO_TYPE, 1), BOTH(SOL_SOCKET, SO_PROTOCOL, 1), BOTH(SOL_SOCKET, SO_DOMAIN, 1), BOTH(SOL_SOCKET, SO_ERROR, 1);
    BOTH(SOL_SOCKET, SO_ACCEPTCONN, 1), BOTH(SOL_SOCKET, SO_RCVLOWAT, 1), BOTH(SOL_SOCKET, 9999, 1);
    BOTH(SOL_SOCKET, SO_SNDBUF, 32768), BOTH(SOL_SOCKET, SO_RCVBUF, 32768);
    BOTH(IPPROTO_TCP, TCP_NODELAY, 7), BOTH(IPPROTO_TCP, TCP_CORK, 1), BOTH(IPPROTO_TCP, TCP_CORK, 0);
    BOTH(IPPROTO_TCP, TCP_KEEPIDLE, 60), BOTH(IPPROTO_TCP, TCP_KEEPINTVL, 7), BOTH(IPPROTO_TCP, TCP_KEEPCNT, 4);
    BOTH(IPPROTO_TCP, TCP_KEEPIDLE, 0), BOTH(IPPROTO_TCP, TCP_KEEPCNT, 200);
    BOTH(IPPROTO_TCP, TCP_USER_TIMEOUT, 3000), BOTH(IPPROTO_TCP, TCP_DEFER_ACCEPT, 1), BOTH(IPPROTO_TCP, TCP_SYNCNT, 3);
    BOTH(IPPROTO_TCP, TCP_LINGER2, 10), BOTH(IPPROTO_TCP, 9999, 1);
    BOTH(IPPROTO_IP, IP_TOS, 0x10), BOTH(IPPROTO_IP, IP_TTL, 33), BOTH(IPPROTO_IP, 9999, 1);
    BOTH(IPPROTO_IPV6, IPV6_V6ONLY, 1), BOTH(9999, 1, 1);
    int v = 1;
    SHOW(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, 1));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, (void *)8, 4));
    SHOW(setsockopt(999, SOL_SOCKET, SO_REUSEADDR, &v, 4));
    SHOW(setsockopt(0, SOL_SOCKET, SO_REUSEADDR, &v, 4));
    socklen_t n = 2;
    SHOW(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &n)), SHOW(n);
    SHOW(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, (void *)8));
    struct timeval tv = {1, 500000}, got;
    n = sizeof got;
    SHOW(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    SHOW(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &n));
    YES(got.tv_sec == 1 && got.tv_usec >= 490000 && got.tv_usec <= 510000);
    tv.tv_usec = 2000000;
    SHOW(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, 4));
    struct tcp_info info;
    n = sizeof info;
    SHOW(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n)), SHOW(info.tcpi_state == TCP_CLOSE);
    int s[2];
    tcp_pair(s), n = sizeof info;
    SHOW(getsockopt(s[0], IPPROTO_TCP, TCP_INFO, &info, &n)), SHOW(info.tcpi_state == TCP_ESTABLISHED);
    int l = bound(AF_INET, SOCK_STREAM);
    n = sizeof v;
    SHOW(getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &v, &n)), SHOW(v);
    SHOW(getsockopt(s[0], IPPROTO_TCP, TCP_MAXSEG, &v, &n));
    YES(v > 500);
    OK(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP)), OK(socket(AF_INET, 99, 0)), OK(socket(250, SOCK_STREAM, 0));
    OK(socket(AF_INET, SOCK_STREAM | 0x100000, 0)), OK(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
}
