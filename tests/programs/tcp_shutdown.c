#include "net.h"

int main(void) {
    int s[2];
    char b[16];
    signal(SIGPIPE, SIG_IGN);
    tcp_pair(s);
    SHOW(shutdown(s[0], SHUT_WR));
    SHOW(read(s[1], b, 1)); /* the end */
    SHOW(write(s[0], "x", 1));
    SHOW(write(s[1], "still", 5)); /* the other half lives */
    SHOW(read(s[0], b, sizeof b));
    int ev = wait_for(s[1], POLLIN | POLLOUT | POLLRDHUP);
    printf("%x\n", ev);
    SHOW(shutdown(s[1], SHUT_WR));
    SHOW(read(s[0], b, 1));
    ev = wait_for(s[0], POLLIN | POLLRDHUP);
    printf("%x\n", ev); /* both halves closed: hang-up */
    SHOW(shutdown(s[0], SHUT_RD));
    close(s[0]), close(s[1]);
    tcp_pair(s);
    SHOW(shutdown(s[0], SHUT_RD));
    SHOW(read(s[0], b, 1));
    ev = wait_for(s[0], POLLIN | POLLRDHUP);
    printf("%x\n", ev);
    SHOW(write(s[0], "other way", 9));
    SHOW(read(s[1], b, sizeof b));
    SHOW(shutdown(s[0], 9));
    int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(shutdown(fd, SHUT_RDWR));
    SHOW(read(fd, b, 1));
    SHOW(write(fd, b, 1));
    printf("%x\n", wait_for(fd, POLLIN | POLLOUT)); /* never connected */
    close(s[0]), close(s[1]);
    /* data first, then the end */
    tcp_pair(s);
    MUST(write(s[0], "last words", 10)), close(s[0]);
    SHOW(wait_for(s[1], POLLRDHUP) == POLLRDHUP);
    SHOW(read(s[1], b, 4)), SHOW(read(s[1], b, sizeof b)), SHOW(read(s[1], b, 1)), SHOW(read(s[1], b, 1));
    /* shutdown wakes a blocked accept */
    int l = bound(AF_INET, SOCK_STREAM);
    SHOW(shutdown(l, SHUT_RDWR));
    SHOW(accept(l, NULL, NULL));
}
