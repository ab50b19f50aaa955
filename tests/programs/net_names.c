#include "net.h"
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

static void look(const char *host, const char *service, int flags, int family) {
    struct addrinfo h = {.ai_flags = flags, .ai_family = family, .ai_socktype = SOCK_STREAM}, *list;
    int r = getaddrinfo(host, service, &h, &list);
    printf("%s %s:", host ? host : "-", service ? service : "-");
    if (r) { puts(r == EAI_NONAME ? " EAI_NONAME" : r == EAI_SERVICE ? " EAI_SERVICE" : " error"); return; }
    for (struct addrinfo *i = list; i; i = i->ai_next) {
        char name[64], port[16];
        getnameinfo(i->ai_addr, i->ai_addrlen, name, sizeof name, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
        printf(" %s/%s", name, port);
    }
    puts("");
    freeaddrinfo(list);
}

int main(void) {
    look("127.0.0.1", "80", AI_NUMERICHOST | AI_NUMERICSERV, AF_UNSPEC);
    look("::1", "443", AI_NUMERICHOST | AI_NUMERICSERV, AF_UNSPEC);
    look(NULL, "8080", AI_PASSIVE | AI_NUMERICSERV, AF_INET);
    look("not-a-number", "80", AI_NUMERICHOST | AI_NUMERICSERV, AF_UNSPEC);
    char t[64];
    struct in_addr a;
    SHOW(inet_pton(AF_INET, "10.20.30.40", &a));
    STR(inet_ntop(AF_INET, &a, t, sizeof t));
    SHOW(inet_pton(AF_INET, "10.20.30.400", &a));
    int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    struct ifreq q = {0};
    strcpy(q.ifr_name, "lo");
    SHOW(ioctl(fd, SIOCGIFADDR, &q));
    STR(inet_ntoa(((struct sockaddr_in *)&q.ifr_addr)->sin_addr));
    SHOW(ioctl(fd, SIOCGIFFLAGS, &q));
    SHOW((q.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING)) == (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
    SHOW(ioctl(fd, SIOCGIFINDEX, &q)), SHOW(q.ifr_ifindex);
    strcpy(q.ifr_name, "none9");
    SHOW(ioctl(fd, SIOCGIFFLAGS, &q));
    SHOW(if_nametoindex("lo"));
    YES(gethostname(t, sizeof t) == 0 && t[0]);
}
