#include "net.h"

/* descriptors used by several threads: blocked readers and accepters, a close beside them, many senders to one UDP socket */
static int l, u;
static void *acceptor(void *arg) {
    int fd = MUST(accept(l, NULL, NULL));
    write(fd, "hi", 2), close(fd);
    return arg;
}
static void *sender(void *arg) {
    addr_t a = v4(port_of(u));
    int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    for (int i = 0; i < 25; i++) {
        MUST(sendto(fd, &arg, sizeof arg, 0, &a.sa, sizeof a.in));
        if (i % 5 == 0) msleep(1);
    }
    close(fd);
    return NULL;
}
static void *reader(void *arg) { char b; return (void *)(long)read(*(int *)arg, &b, 1); }

int main(void) {
    pthread_t t[4];
    void *r;
    l = bound(AF_INET, SOCK_STREAM), u = bound(AF_INET, SOCK_DGRAM);
    addr_t a = v4(port_of(l));
    for (int i = 0; i < 4; i++) MUST(pthread_create(&t[i], NULL, acceptor, NULL));
    long total = 0;
    for (int i = 0; i < 4; i++) {
        int fd = connected(&a);
        char b[8];
        total += read(fd, b, 8) + read(fd, b, 8) * 100;
    }
    for (int i = 0; i < 4; i++) MUST(pthread_join(t[i], NULL));
    SHOW(total);
    for (long i = 0; i < 4; i++) MUST(pthread_create(&t[i], NULL, sender, (void *)(i + 1)));
    long counts[5] = {0}, v;
    for (int i = 0; i < 100; i++) {
        if (wait_for(u, POLLIN) != POLLIN) { printf("only %d arrived\n", i); break; }
        if (recv(u, &v, sizeof v, 0) == sizeof v && v > 0 && v < 5) counts[v]++;
    }
    for (int i = 0; i < 4; i++) MUST(pthread_join(t[i], NULL));
    printf("%ld %ld %ld %ld\n", counts[1], counts[2], counts[3], counts[4]);
    /* two readers, two bytes: one each */
    int s[2];
    tcp_pair(s);
    for (int i = 0; i < 2; i++) MUST(pthread_create(&t[i], NULL, reader, &s[0]));
    msleep(10), write(s[1], "ab", 2);
    for (int i = 0; i < 2; i++) MUST(pthread_join(t[i], &r)), SHOW((long)r);
    /* shutdown from another thread wakes a blocked reader */
    MUST(pthread_create(&t[0], NULL, reader, &s[0]));
    msleep(10), SHOW(shutdown(s[0], SHUT_RD));
    MUST(pthread_join(t[0], &r)), SHOW((long)r);
}
