#include "net.h"

static void *client(void *arg) {
    addr_t a = unix_at("s");
    int fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    MUST(connect(fd, &a.sa, sizeof a.un));
    MUST(write(fd, "hello ", 6)), MUST(write(fd, "server", 6));
    MUST(shutdown(fd, SHUT_WR));
    char b[64] = {0};
    for (size_t n = 0; n < 63;) {
        ssize_t r = MUST(read(fd, b + n, 63 - n));
        if (!r) break;
        n += (size_t)r;
    }
    STR(b);
    close(fd);
    return arg;
}

int main(void) {
    in_tmp();
    pthread_t t;
    addr_t a = unix_at("s"), peer;
    int l = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), fd;
    SHOW(bind(l, &a.sa, sizeof a.un));
    struct stat st;
    SHOW(stat("s", &st));
    YES(S_ISSOCK(st.st_mode));
    SHOW(listen(l, 5));
    MUST(pthread_create(&t, NULL, client, NULL));
    socklen_t n = sizeof peer;
    fd = accept4(l, &peer.sa, &n, SOCK_CLOEXEC);
    SHOW(n); /* an unnamed peer */
    SHOW(peer.sa.sa_family == AF_UNIX);
    char b[64] = {0};
    for (size_t got = 0;;) {
        ssize_t r = read(fd, b + got, sizeof b - got - 1);
        if (r <= 0) break;
        got += (size_t)r;
    }
    STR(b);
    n = sizeof peer;
    SHOW(getsockname(fd, &peer.sa, &n));
    STR(peer.un.sun_path);
    n = sizeof peer;
    SHOW(getpeername(fd, &peer.sa, &n));
    SHOW(n);
    SHOW(send(fd, "answer", 6, 0));
    close(fd);
    MUST(pthread_join(t, NULL));
    OK(open("s", O_RDWR));
    int c = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(bind(c, &a.sa, sizeof a.un)); /* the name is taken */
    SHOW(close(l));
    SHOW(connect(c, &a.sa, sizeof a.un)); /* a name without a listener */
    unlink("s");
    SHOW(connect(c, &a.sa, sizeof a.un));
    SHOW(bind(c, &a.sa, sizeof a.un));
    SHOW(bind(c, &a.sa, sizeof a.un));
    SHOW(accept(c, NULL, NULL));
    put("file", "");
    a = unix_at("file");
    c = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    SHOW(connect(c, &a.sa, sizeof a.un));
    a = unix_at("none/s");
    SHOW(bind(c, &a.sa, sizeof a.un));
    SHOW(send(c, "x", 1, MSG_NOSIGNAL));
    SHOW(recv(c, b, 1, 0));
    SHOW(listen(c, 1));
    /* a full backlog */
    a = unix_at("q");
    l = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    MUST(bind(l, &a.sa, sizeof a.un)), MUST(listen(l, 1));
    int ok = 0, r = 0;
    for (int i = 0; i < 5 && !r; i++) {
        int k = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        r = connect(k, &a.sa, sizeof a.un);
        ok += !r;
    }
    STR(ename(errno));
    SHOW(ok);
}
