/* The first process of the tests' Linux machines: mounts what programs expect, loads the files of /modules in the order of their names, runs each line of
 * /commands (words split at blanks), says how it ended as "[STATUS]" on a line of its own, then "[end]", and switches the machine off. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMPRESSED 4 /* MODULE_INIT_COMPRESSED_FILE */

static void must(const char *what, long result) {
    if (result >= 0) return;
    printf("init: %s: %s\n", what, strerror(errno));
}

static void file_system(const char *type, const char *where) {
    mkdir(where, 0755);
    must(where, mount(type, where, type, 0, NULL));
}

static void load_modules(void) {
    struct dirent **names;
    int count = scandir("/modules", &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[300];
        if (names[i]->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/modules/%s", names[i]->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t length = strlen(path);
        int plain = length > 3 && !strcmp(path + length - 3, ".ko");
        must(path, syscall(SYS_finit_module, fd, "", plain ? 0 : COMPRESSED));
        close(fd);
    }
}

static void loopback_up(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must("lo", ioctl(fd, SIOCSIFFLAGS, &request));
    close(fd);
}

static int run(char *line) {
    char *words[64];
    int count = 0, status = 0;
    for (char *word = strtok(line, " \n"); word && count < 63; word = strtok(NULL, " \n")) words[count++] = word;
    words[count] = NULL;
    pid_t child = fork();
    if (child == 0) {
        /* No terminal: programs show people more than scripts. */
        int output = open("/tmp/.output", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(output, 1), dup2(output, 2), close(output);
        execvp(words[0], words);
        dprintf(1, "init: %s: %s\n", words[0], strerror(errno));
        _exit(127);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    int output = open("/tmp/.output", O_RDONLY | O_CLOEXEC);
    char buffer[4096];
    for (ssize_t got; (got = read(output, buffer, sizeof buffer)) > 0;) fwrite(buffer, 1, (size_t)got, stdout);
    close(output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/root", 1);
    setenv("NO_COLOR", "1", 1);
    file_system("proc", "/proc"), file_system("sysfs", "/sys"), file_system("devtmpfs", "/dev"), file_system("tmpfs", "/tmp");
    load_modules();
    loopback_up();
    FILE *commands = fopen("/commands", "r");
    must("/commands", commands ? 0 : -1);
    char line[4096];
    while (commands && fgets(line, sizeof line, commands)) printf("\n[%d]\n", run(line));
    puts("[end]");
    reboot(RB_POWER_OFF);
    return 0;
}
