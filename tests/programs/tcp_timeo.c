#include "net.h"

int main(void) {
    int s[2];
    char b[16];
    struct timeval tv = {0, 30000}, zero = {0, 0};
    tcp_pair(s);
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    long long before = now_ns();
    SHOW(read(s[0], b, 1));
    YES(now_ns() - before >= 30000000);
    SHOW(recv(s[0], b, 1, 0));
    SHOW(write(s[1], "ab", 2));
    before = now_ns();
    SHOW(recv(s[0], b, 16, MSG_WAITALL)); /* what came in time */
    YES(now_ns() - before >= 30000000);
    SHOW(setsockopt(s[1], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
    static char data[65536];
    long n;
    while ((n = write(s[1], data, sizeof data)) == (long)sizeof data) {}
    if (n > 0) n = write(s[1], data, sizeof data);
    YES(n == -1 && errno == EAGAIN);
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &zero, sizeof zero));
    YES(read(s[0], data, 100) == 100);
    /* accept has the receive time-out */
    int l = bound(AF_INET, SOCK_STREAM);
    SHOW(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    SHOW(accept(l, NULL, NULL));
    int u = bound(AF_INET, SOCK_DGRAM);
    SHOW(setsockopt(u, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    SHOW(recv(u, b, 1, 0));
}
