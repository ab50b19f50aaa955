#include "t.h"

static char text[65536];
static ssize_t slurp(const char *path) {
    int fd = open(path, O_RDONLY);
    ssize_t n = 0, r;
    if (fd < 0) { printf("%s: %s\n", path, ename(errno)); return -1; }
    while ((r = read(fd, text + n, sizeof text - 1 - (size_t)n)) > 0) n += r;
    close(fd);
    text[n] = 0;
    return n;
}
static long field(const char *name) {
    char *p = strstr(text, name);
    return p ? strtol(p + strlen(name), NULL, 0) : -1;
}

int main(int argc, char **argv) {
    char b[PATH_MAX], c[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", b, sizeof b - 1);
    YES(n > 0);
    b[n < 0 ? 0 : n] = 0;
    YES(realpath(argv[0], c) && !strcmp(b, c));
    struct stat a, d;
    YES(!stat("/proc/self/exe", &a) && !stat(b, &d) && a.st_ino == d.st_ino);
    int fd = MUST(open("/proc/self/exe", O_RDONLY));
    SHOW(read(fd, b, 4)), SHOW(memcmp(b, "\177ELF", 4));
    n = slurp("/proc/self/cmdline");
    YES(n == (ssize_t)(strlen(argv[0]) + 1) && !strcmp(text, argv[0]) && argc == 1);
    YES(slurp("/proc/self/status") > 100);
    YES(field("Pid:") == getpid()), YES(field("Tgid:") == getpid()), SHOW(field("Threads:"));
    YES(field("VmRSS:") > 0), YES(field("VmSize:") >= field("VmRSS:"));
    STR(strncmp(text, "Name:\tproc_self\n", 16) ? "?" : "Name:\tproc_self");
    YES(strstr(text, "\nState:\tR (running)\n") != NULL), YES(strstr(text, "\nUid:\t") != NULL);
    YES(strstr(text, "\nSigBlk:\t0000000000000000\n") != NULL);
    YES(slurp("/proc/self/stat") > 50);
    char *after = strrchr(text, ')');
    YES(atoi(text) == getpid() && strstr(text, " (proc_self) R "));
    int fields = 1;
    for (char *p = after; p && *p; p++) fields += *p == ' ';
    SHOW(fields + 1);
    YES(slurp("/proc/self/statm") > 10);
    long size = 0, rss = 0;
    YES(sscanf(text, "%ld %ld", &size, &rss) == 2 && size >= rss && rss > 0);
    n = readlink("/proc/self/cwd", b, sizeof b - 1), b[n < 0 ? 0 : n] = 0;
    YES(getcwd(c, sizeof c) && !strcmp(b, c));
    SHOW(readlink("/proc/self/root", b, sizeof b)), SHOW(b[0]);
    n = readlink("/proc/self", b, sizeof b - 1), b[n < 0 ? 0 : n] = 0;
    YES(atoi(b) == getpid());
    snprintf(c, sizeof c, "/proc/%d/comm", getpid());
    STR(get(c));
    /* descriptors by name */
    in_tmp(), put("f", "x");
    fd = MUST(open("f", O_RDONLY));
    snprintf(c, sizeof c, "/proc/self/fd/%d", fd);
    n = readlink(c, b, sizeof b - 1), b[n < 0 ? 0 : n] = 0;
    snprintf(text, 200, "%s/f", tmp_path);
    YES(!strcmp(b, text));
    unlink("f"), strcat(text, " (deleted)");
    n = readlink(c, b, sizeof b - 1), b[n < 0 ? 0 : n] = 0;
    YES(!strcmp(b, text));
    int p[2];
    MUST(pipe(p));
    snprintf(c, sizeof c, "/proc/self/fd/%d", p[0]);
    n = readlink(c, b, sizeof b - 1), b[n < 0 ? 0 : n] = 0;
    YES(!strncmp(b, "pipe:[", 6));
    SHOW(access("/proc/self/fd/999", F_OK));
    snprintf(c, sizeof c, "/proc/self/fdinfo/%d", fd);
    YES(slurp(c) > 0 && strstr(text, "pos:\t0\n"));
    YES(slurp("/proc/self/environ") >= 0);
    YES(slurp("/proc/self/limits") > 0 && strstr(text, "Max open files"));
    YES(slurp("/proc/self/mounts") > 0 && strstr(text, " /proc proc "));
    YES(slurp("/proc/self/mountinfo") > 0 && strstr(text, " /proc "));
    YES(slurp("/proc/meminfo") > 0 && field("MemTotal:") > 1000 && field("MemFree:") > 0);
    YES(slurp("/proc/cpuinfo") > 0 && strstr(text, "processor\t: 0\n"));
    YES(slurp("/proc/stat") > 0 && !strncmp(text, "cpu ", 4));
    YES(slurp("/proc/uptime") > 0 && atof(text) > 0);
    YES(slurp("/proc/loadavg") > 0);
    YES(slurp("/proc/version") > 0 && !strncmp(text, "Linux version ", 14));
    YES(slurp("/proc/sys/kernel/ostype") == 6 && !strcmp(text, "Linux\n"));
    YES(slurp("/proc/sys/net/core/somaxconn") > 0 && atoi(text) >= 128);
    YES(slurp("/proc/sys/vm/overcommit_memory") == 2);
    YES(slurp("/proc/filesystems") > 0 && strstr(text, "nodev\tproc\n"));
    YES(slurp("/sys/devices/system/cpu/online") > 0 && text[0] == '0');
    slurp("/proc/self/none"), slurp("/proc/999999999/stat");
    OK(open("/proc/self/none", O_RDWR | O_CREAT, 0600));
    SHOW(mkdir("/proc/x", 0755));
}
