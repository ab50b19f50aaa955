#include "t.h"
#include <poll.h>

int main(void) {
    char line[256];
    int lines = 0;
    long bytes = 0;
    unsigned sum = 0;
    struct pollfd p = {.fd = 0, .events = POLLIN};
    SHOW(poll(&p, 1, 5000));
    SHOW(p.revents & POLLIN);
    while (lines < 3 && fgets(line, sizeof line, stdin)) printf("%d: %s", ++lines, line), bytes += (long)strlen(line);
    for (int c; (c = getchar()) != EOF;) bytes++, sum = sum * 31 + (unsigned)c;
    SHOW(bytes);
    SHOW(sum);
    SHOW(feof(stdin) != 0);
    SHOW(read(0, line, sizeof line)); /* the end stays the end */
}
