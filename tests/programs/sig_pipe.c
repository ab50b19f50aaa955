#include "t.h"
#include <sys/socket.h>

static volatile int hits;
static void handler(int s) { (void)s, hits++; }

int main(void) {
    int p[2], s[2];
    signal(SIGPIPE, handler);
    MUST(pipe(p)), MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    close(p[0]), close(s[0]);
    SHOW(write(p[1], "x", 1));
    SHOW(hits);
    SHOW(write(p[1], "", 0));
    SHOW(write(s[1], "x", 1));
    SHOW(hits);
    SHOW(send(s[1], "x", 1, MSG_NOSIGNAL));
    SHOW(hits);
    signal(SIGPIPE, SIG_IGN);
    SHOW(write(p[1], "x", 1));
    SHOW(write(s[1], "x", 1));
    SHOW(hits);
    signal(SIGPIPE, SIG_DFL);
    puts("and now for real");
    write(p[1], "x", 1);
    puts("never printed");
}
