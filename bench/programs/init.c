/* First process of the Linux control: does the least that lets a program run, then runs it and ends the machine.
 *
 * init [--net] PROGRAM ARGS...      --net: loads the virtio network driver from /modules (in the order of their names) and gives
 *                                   eth0 the address 10.0.2.15/24. Without it nothing is loaded and nothing is mounted. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <dirent.h>
#include <unistd.h>

static void end(const char *what) {
    if (what) perror(what);
    fflush(NULL);
    reboot(RB_AUTOBOOT);                            /* QEMU runs with -no-reboot: this ends it */
    for (;;) pause();
}

static void load_modules(void) {
    struct dirent **names;
    int n = scandir("/modules", &names, NULL, alphasort);
    if (n < 0) end("/modules");
    for (int i = 0; i < n; i++) {
        char path[512];
        if (names[i]->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/modules/%s", names[i]->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || syscall(SYS_finit_module, fd, "", 0)) end(path);
        close(fd);
    }
}

static void address(int s, unsigned long request, const char *text) {
    struct ifreq r = {.ifr_name = "eth0"};
    struct sockaddr_in a = {.sin_family = AF_INET};
    inet_pton(AF_INET, text, &a.sin_addr);
    memcpy(&r.ifr_addr, &a, sizeof a);
    if (ioctl(s, request, &r)) end(text);
}

static void bring_up(void) {
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = {.ifr_name = "eth0"};
    for (int i = 0; ioctl(s, SIOCGIFFLAGS, &r); i++) {
        if (i == 5000) end("eth0");
        usleep(1000);
    }
    address(s, SIOCSIFADDR, "10.0.2.15");
    address(s, SIOCSIFNETMASK, "255.255.255.0");
    r.ifr_flags |= IFF_UP | IFF_RUNNING;
    if (ioctl(s, SIOCSIFFLAGS, &r)) end("SIOCSIFFLAGS");
    close(s);
}

int main(int argc, char **argv) {
    int first = 1;
    if (argc > 1 && !strcmp(argv[1], "--net")) {
        first = 2;
        load_modules();
        bring_up();
    }
    if (first >= argc) end("init: no program");
    pid_t pid;
    int status = 0;
    if (posix_spawn(&pid, argv[first], NULL, NULL, argv + first, (char *[]){NULL})) end(argv[first]);
    waitpid(pid, &status, 0);
    if (status) fprintf(stderr, "init: %s ended with status %x\n", argv[first], (unsigned)status);
    end(NULL);
}
