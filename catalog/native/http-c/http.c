/* A server of one page: answers every request on port 8080, one connection at a time. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\nConnection: close\r\n\r\nHello from C\n";

static void end(int signal) {
    (void)signal;
    _exit(0);
}

int main(void) {
    signal(SIGTERM, end);
    signal(SIGINT, end);
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(8080)};
    if (listener < 0 || bind(listener, (struct sockaddr *)&any, sizeof any) || listen(listener, 16)) return perror("port 8080"), 1;
    puts("listening on port 8080");
    fflush(stdout);
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection < 0) continue;
        char request[4096];
        size_t length = 0;
        ssize_t got;
        /* A request ends with an empty line. */
        while (length < sizeof request - 1 && (got = read(connection, request + length, sizeof request - 1 - length)) > 0) {
            length += (size_t)got;
            request[length] = 0;
            if (strstr(request, "\r\n\r\n")) {
                if (write(connection, answer, sizeof answer - 1) < 0) perror("write");
                break;
            }
        }
        close(connection);
    }
}
