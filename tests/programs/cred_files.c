#include "t.h"
#include <grp.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

/* Somebody who is not root: which operations are refused, whose new files are, what a new program keeps. */

static void status(void) {
    const char *wanted[] = {"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapAmb:", "NoNewPrivs:"};
    char line[256];
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) {
        for (size_t i = 0; i < COUNT(wanted); i++) {
            size_t n = strlen(wanted[i]);
            if (strncmp(line, wanted[i], n)) continue;
            /* which capabilities root has is a matter of who started it */
            if (!strncmp(line, "Cap", 3)) printf("%s %s\n", wanted[i], strspn(line + n, "\t0\n") == strlen(line + n) ? "none" : "some");
            else printf("%s", line);
        }
    }
    if (f) fclose(f);
}

static void owner(const char *path) {
    struct stat s;
    if (lstat(path, &s)) printf("%s: %s\n", path, ename(errno));
    else printf("%s: %u:%u %o\n", path, s.st_uid, s.st_gid, s.st_mode);
}

static void auxv(void) {
    SHOW(getauxval(AT_UID)), SHOW(getauxval(AT_EUID)), SHOW(getauxval(AT_GID)), SHOW(getauxval(AT_EGID)), SHOW(getauxval(AT_SECURE));
    status();
}

static void again(const char *what) {
    char *argv[] = {"cred_files", (char *)what, NULL};
    fflush(stdout);
    execv("/proc/self/exe", argv);
    printf("execv: %s\n", ename(errno));
}

static void make(const char *path, mode_t mode, uid_t uid, gid_t gid) {
    put(path, "#!/nowhere\n");
    MUST(chown(path, uid, gid)), MUST(chmod(path, mode));
}

static void directory(const char *path, mode_t mode, uid_t uid, gid_t gid) {
    MUST(mkdir(path, 0700)), MUST(chown(path, uid, gid)), MUST(chmod(path, mode));
}

static void change_of_mind(void) {
    /* root for a while somebody else */
    SHOW(setresgid(-1, 50, -1)), SHOW(setresuid(-1, 1000, -1));
    status();
    SHOW(open("secret", O_RDONLY)), SHOW(access("secret", R_OK)), SHOW(faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS));
    put("own/lent", ""), owner("own/lent");
    SHOW(setresuid(-1, 0, -1)), SHOW(setresgid(-1, 0, -1));
    OK(open("secret", O_RDONLY));
    SHOW(syscall(SYS_setfsuid, 1000)), SHOW(syscall(SYS_setfsuid, -1));
    SHOW(open("secret", O_RDONLY)), SHOW(access("secret", R_OK));
    SHOW(syscall(SYS_setfsuid, 0));
}

static void refused(void) {
    char *argv[] = {"x", NULL};
    OK(open("secret", O_RDONLY)), OK(open("public", O_RDONLY)), OK(open("public", O_WRONLY)), OK(open("public", O_RDONLY | O_TRUNC));
    OK(open("ours", O_RDONLY)), OK(open("ours", O_RDWR)), OK(open("third", O_RDONLY)), OK(open("mine-unreadable", O_RDONLY));
    OK(open("public", O_RDONLY | O_NOATIME)), OK(open("mine", O_RDONLY | O_NOATIME));
    OK(open("none", O_WRONLY | O_CREAT, 0644)), OK(open("closed/none", O_RDONLY)), OK(open("closed/f", O_RDONLY)), OK(open("listed/f", O_RDONLY));
    OK(open("passed/f", O_RDONLY)), OK(open("passed", O_RDONLY | O_DIRECTORY)), OK(open("listed", O_RDONLY | O_DIRECTORY));
    OK(chdir("closed")), OK(chdir("listed")), OK(chdir("passed")), OK(chdir(".."));
    OK(mkdir("no", 0755)), OK(symlink("x", "no")), OK(mkfifo("no", 0644)), OK(mknod("own/dev", S_IFCHR | 0644, makedev(1, 3)));
    OK(unlink("public")), OK(unlink("mine")), OK(rename("mine", "mine2")), OK(rmdir("empty"));
    OK(unlink("sticky/theirs")), OK(rename("sticky/theirs", "sticky/t")), OK(rename("sticky/mine", "sticky/theirs")), OK(unlink("sticky/mine"));
    OK(unlink("own/theirs")), OK(rename("own/d", "own/e")), OK(rename("own/e", "sticky/e"));
    OK(chmod("public", 0777)), OK(chmod("mine", 0604)), OK(chmod("mine", 02604)), owner("mine");
    OK(chown("mine", 0, -1)), OK(chown("mine", 1000, -1)), OK(chown("mine", -1, 60)), owner("mine"), OK(chown("mine", -1, 70)), OK(chown("public", -1, 50));
    OK(truncate("public", 0)), OK(truncate("mine", 1)), OK(utimensat(AT_FDCWD, "public", NULL, 0)), OK(utimensat(AT_FDCWD, "mine", NULL, 0));
    struct timespec t[2] = {{1, 0}, {2, 0}};
    OK(utimensat(AT_FDCWD, "shared", t, 0)), OK(utimensat(AT_FDCWD, "shared", NULL, 0)), OK(utimensat(AT_FDCWD, "mine", t, 0));
    OK(execv("public", argv)), OK(execv("closed/f", argv)), OK(execv("own", argv));
    OK(access("public", W_OK)), OK(access("mine", X_OK)), OK(access("passed", X_OK)), OK(access("passed", R_OK));
    OK(chroot("own")), OK(mount("none", "own", "tmpfs", 0, NULL)), OK(sethostname("x", 1));
    OK(setpriority(PRIO_PROCESS, 0, -5)), OK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){1 << 20, 1 << 21}));
    OK(open("/proc/self/status", O_RDONLY)), OK(open("/dev/null", O_RDWR));
}

static void made(void) {
    umask(027);
    put("own/new", ""), owner("own/new");
    MUST(mkdir("own/newdir", 0777)), owner("own/newdir");
    MUST(symlink("x", "own/link")), owner("own/link");
    MUST(mkfifo("own/fifo", 0666)), owner("own/fifo");
    put("grouped/new", ""), owner("grouped/new");
    MUST(mkdir("grouped/dir", 0777)), owner("grouped/dir");
    int pair[2];
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    SHOW(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &size)), SHOW(peer.uid), SHOW(peer.gid), YES(peer.pid == getpid());
    int p[2];
    struct stat s;
    MUST(pipe(p)), MUST(fstat(p[0], &s));
    SHOW(s.st_uid), SHOW(s.st_gid);
}

static void ids(void) {
    gid_t groups[8];
    SHOW(getuid()), SHOW(geteuid()), SHOW(getgid()), SHOW(getegid()), SHOW(getgroups(8, groups));
    SHOW(setuid(0)), SHOW(seteuid(0)), SHOW(setgid(0)), SHOW(setegid(60)), SHOW(setgroups(0, NULL)), SHOW(setresuid(0, -1, -1));
    SHOW(setreuid(1000, 0)), SHOW(setuid(1000)), SHOW(setreuid(1000, 1000)), SHOW(setresgid(50, 50, 50));
    SHOW(kill(0, 0)), SHOW(kill(getpid(), 0));
    SHOW(prctl(PR_CAPBSET_DROP, 1)), SHOW(prctl(PR_SET_KEEPCAPS, 1)), SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

int main(int argc, char **argv) {
    if (argc > 1) {
        puts(argv[1]), auxv();
        if (!strcmp(argv[1], "effective")) {
            /* an effective id that differs makes the new program a careful one; the saved one is gone */
            SHOW(setuid(1001)), SHOW(seteuid(0));
            SHOW(prctl(PR_SET_KEEPCAPS, 1)), SHOW(setresuid(1000, 1000, 1000));
            status();
            again("after keeping");
        }
        return 0;
    }
    umask(022);
    in_tmp();
    MUST(chmod(".", 0755));
    make("secret", 0600, 0, 0), make("public", 0644, 0, 0), make("ours", 0640, 0, 60), make("third", 0604, 0, 50), make("mine", 0600, 1000, 50);
    make("mine-unreadable", 0077, 1000, 50), make("shared", 0666, 0, 0);
    directory("closed", 0700, 0, 0), directory("listed", 0744, 0, 0), directory("passed", 0711, 0, 0), directory("sticky", 01777, 0, 0);
    directory("own", 0755, 1000, 50), directory("grouped", 02777, 0, 70), directory("empty", 0777, 1000, 50), directory("own/d", 0755, 0, 0);
    make("closed/f", 0755, 0, 0), make("listed/f", 0644, 0, 0), make("passed/f", 0644, 0, 0), make("sticky/theirs", 0666, 0, 0);
    make("sticky/mine", 0666, 1000, 50), make("own/theirs", 0600, 0, 0);
    change_of_mind();
    SHOW(setgroups(2, (gid_t[]){50, 60})), SHOW(setresgid(50, 50, 50)), SHOW(setresuid(1000, 1000, 1000));
    status();
    ids(), refused(), made();
    again("plain");
}
