#include "net.h"

int main(void) {
    int s[2];
    char b[16];
    struct linger hard = {1, 0};
    signal(SIGPIPE, SIG_IGN);
    tcp_pair(s);
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &hard, sizeof hard));
    SHOW(close(s[0])); /* resets instead of finishing */
    int ev = wait_for(s[1], POLLIN);
    SHOW((ev & POLLERR) != 0), SHOW((ev & POLLHUP) != 0);
    SHOW(read(s[1], b, 1));
    SHOW(read(s[1], b, 1));
    SHOW(write(s[1], "x", 1));
    close(s[1]);
    /* closing with unread data resets too */
    tcp_pair(s);
    SHOW(write(s[1], "unread", 6));
    SHOW(wait_for(s[0], POLLIN));
    SHOW(close(s[0]));
    ev = wait_for(s[1], POLLIN);
    STR(ename(so_error(s[1])));
    close(s[1]);
    /* writing to somebody who is gone: the first write is answered by a reset */
    tcp_pair(s);
    close(s[0]);
    SHOW(wait_for(s[1], POLLIN));
    SHOW(read(s[1], b, 1));
    SHOW(write(s[1], "x", 1));
    ev = wait_for(s[1], POLLERR);
    SHOW(write(s[1], "x", 1));
    close(s[1]);
    /* the peer's end, reset while data waits to be read: the data is lost with it */
    tcp_pair(s);
    struct linger got;
    socklen_t n = sizeof got;
    SHOW(getsockopt(s[0], SOL_SOCKET, SO_LINGER, &got, &n)), SHOW(got.l_onoff);
    struct linger soft = {1, 5};
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &soft, sizeof soft));
    SHOW(getsockopt(s[0], SOL_SOCKET, SO_LINGER, &got, &n)), SHOW(got.l_onoff), SHOW(got.l_linger);
    SHOW(write(s[0], "delivered", 9)), SHOW(close(s[0]));
    SHOW(read(s[1], b, sizeof b)), SHOW(read(s[1], b, 1));
}
