#include "net.h"

static int s[2];
static void *rest(void *arg) { msleep(20), MUST(write(s[1], "second", 6)); return arg; }

int main(void) {
    char b[32] = {0};
    pthread_t t;
    tcp_pair(s);
    SHOW(recv(s[0], b, 1, MSG_DONTWAIT));
    SHOW(send(s[1], "abcdef", 6, MSG_NOSIGNAL));
    SHOW(wait_for(s[0], POLLIN));
    SHOW(recv(s[0], b, 3, MSG_PEEK)), printf("%.3s\n", b);
    SHOW(recv(s[0], b, 32, MSG_PEEK)), printf("%.6s\n", b);
    SHOW(recv(s[0], b, 2, 0)), printf("%.2s\n", b);
    SHOW(recv(s[0], b, 32, MSG_PEEK)), printf("%.4s\n", b);
    int n = 0;
    SHOW(ioctl(s[0], FIONREAD, &n)), SHOW(n);
    SHOW(recv(s[0], b, 2, MSG_TRUNC)); /* thrown away */
    SHOW(recv(s[0], b, 32, 0)), printf("%.2s\n", b);
    MUST(write(s[1], "first ", 6));
    MUST(pthread_create(&t, NULL, rest, NULL));
    memset(b, 0, sizeof b);
    SHOW(recv(s[0], b, 12, MSG_WAITALL));
    STR(b);
    MUST(pthread_join(t, NULL));
    struct iovec v[2] = {{"gather ", 7}, {"scatter", 7}}, r[2] = {{b, 3}, {b + 8, 20}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
    SHOW(sendmsg(s[1], &m, 0));
    SHOW(wait_for(s[0], POLLIN));
    m.msg_iov = r;
    memset(b, 0, sizeof b);
    SHOW(recvmsg(s[0], &m, 0)), SHOW(m.msg_namelen), SHOW(m.msg_flags);
    printf("%.3s|%s\n", b, b + 8);
    SHOW(send(s[1], "more", 4, MSG_MORE)), SHOW(send(s[1], "!", 1, 0));
    memset(b, 0, sizeof b);
    SHOW(recv(s[0], b, 5, MSG_WAITALL));
    STR(b);
    /* urgent data */
    SHOW(send(s[1], "u", 1, MSG_OOB));
    SHOW(wait_for(s[0], POLLPRI));
    SHOW(recv(s[0], b, 1, MSG_OOB)), SHOW(b[0]);
    SHOW(recv(s[0], b, 1, MSG_OOB));
    SHOW(send(s[1], "x", 0, 0));
    SHOW(sendto(s[1], "x", 1, 0, (void *)8, 16));
    SHOW(send(s[1], (void *)8, 4, 0));
    SHOW(recv(s[0], b, 1, MSG_ERRQUEUE));
    m.msg_iovlen = 2000;
    SHOW(recvmsg(s[0], &m, 0));
    SHOW(ioctl(s[0], 0x5411, &n)), SHOW(n); /* SIOCOUTQ */
    SHOW(lseek(s[0], 0, SEEK_SET));
    SHOW(pread(s[0], b, 1, 0));
    SHOW(fsync(s[0]));
    SHOW(ftruncate(s[0], 0));
}
