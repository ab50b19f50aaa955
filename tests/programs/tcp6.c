#include "net.h"

static const char *text(const struct in6_addr *a) {
    static char t[64];
    return inet_ntop(AF_INET6, a, t, sizeof t);
}

int main(void) {
    int l = bound(AF_INET6, SOCK_STREAM), on = 1, v = -1;
    addr_t a = v6(port_of(l)), p;
    socklen_t n = sizeof p;
    int c = connected(&a), f = MUST(accept(l, &p.sa, &n));
    SHOW(n), SHOW(p.sa.sa_family == AF_INET6);
    STR(text(&p.in6.sin6_addr)), SHOW(p.in6.sin6_scope_id), SHOW(p.in6.sin6_flowinfo);
    char b[16] = {0};
    SHOW(write(c, "six", 3)), SHOW(read(f, b, 16));
    STR(b);
    close(c), close(f), close(l);
    /* one socket for both: the v4 peer shows as a mapped address */
    l = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    n = sizeof v;
    SHOW(getsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &v, &n)), SHOW(v);
    a = v6(0), a.in6.sin6_addr = in6addr_any;
    SHOW(bind(l, &a.sa, sizeof a.in6)), SHOW(listen(l, 5));
    addr_t a4 = v4(port_of(l)), a6 = v6(port_of(l));
    int c4 = connected(&a4), c6 = connected(&a6);
    n = sizeof p;
    f = MUST(accept(l, &p.sa, &n));
    STR(text(&p.in6.sin6_addr));
    n = sizeof p;
    SHOW(getsockname(f, &p.sa, &n));
    STR(text(&p.in6.sin6_addr));
    n = sizeof p;
    SHOW(write(c4, "four", 4)), SHOW(read(f, b, 16));
    f = MUST(accept(l, &p.sa, &n));
    STR(text(&p.in6.sin6_addr));
    close(c4), close(c6);
    /* a v6 socket that connects to a mapped address */
    a = a6, inet_pton(AF_INET6, "::ffff:127.0.0.1", &a.in6.sin6_addr);
    c = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    SHOW(connect(c, &a.sa, sizeof a.in6));
    n = sizeof p;
    SHOW(getsockname(c, &p.sa, &n));
    STR(text(&p.in6.sin6_addr));
    /* the same port for v4 is taken, unless V6ONLY */
    int l4 = MUST(socket(AF_INET, SOCK_STREAM, 0));
    a4.in.sin_addr.s_addr = INADDR_ANY;
    SHOW(bind(l4, &a4.sa, sizeof a4.in));
    int only = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    SHOW(setsockopt(only, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on));
    a = v6(0), a.in6.sin6_addr = in6addr_any;
    SHOW(bind(only, &a.sa, sizeof a.in6)), SHOW(listen(only, 1));
    SHOW(setsockopt(only, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof on));
    a4.in.sin_port = htons(port_of(only));
    SHOW(bind(l4, &a4.sa, sizeof a4.in)), SHOW(listen(l4, 1));
    a4 = v4(port_of(only)), a6 = v6(port_of(only));
    c4 = connected(&a4), c6 = connected(&a6);
    SHOW(wait_for(l4, POLLIN)), SHOW(wait_for(only, POLLIN));
    c = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    SHOW(connect(c, &a4.sa, sizeof a4.in)); /* the wrong family */
    SHOW(bind(c, &a4.sa, sizeof a4.in));
    SHOW(bind(c, &a6.sa, 8));
    inet_pton(AF_INET6, "2001:db8::1", &a6.in6.sin6_addr), a6.in6.sin6_port = 0;
    SHOW(bind(c, &a6.sa, sizeof a6.in6));
    int u = bound(AF_INET6, SOCK_DGRAM), w = MUST(socket(AF_INET6, SOCK_DGRAM, 0));
    a = v6(port_of(u));
    SHOW(sendto(w, "datagram", 8, 0, &a.sa, sizeof a.in6));
    n = sizeof p;
    SHOW(recvfrom(u, b, 16, 0, &p.sa, &n)), SHOW(n);
    STR(text(&p.in6.sin6_addr));
}
