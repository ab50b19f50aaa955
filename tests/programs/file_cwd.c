#include "t.h"

int main(void) {
    in_tmp();
    char a[PATH_MAX], b[PATH_MAX], tiny[3];
    MUST(mkdir("d", 0755)), MUST(mkdir("d/e", 0755)), MUST(symlink("d/e", "l")), put("f", "");
    YES(getcwd(a, sizeof a) == a);
    YES(!strcmp(a, tmp_path));
    SHOW(chdir("l")); /* the real place, not the link's name */
    YES(getcwd(b, sizeof b) != NULL);
    YES(!strncmp(b, a, strlen(a)));
    STR(b + strlen(a));
    SHOW(chdir("../.."));
    YES(getcwd(b, sizeof b) && !strcmp(a, b));
    SHOW(chdir("f"));
    SHOW(chdir("none"));
    SHOW(chdir(""));
    SHOW(chdir("f/x"));
    int d = MUST(open("d", O_RDONLY)), f = MUST(open("f", O_RDONLY)), p = MUST(open("d/e", O_PATH));
    SHOW(fchdir(d));
    SHOW(access("e", F_OK));
    SHOW(fchdir(f));
    SHOW(fchdir(999));
    SHOW(fchdir(p));
    YES(getcwd(b, sizeof b) != NULL);
    STR(b + strlen(a));
    MUST(rename("../../d", "../../moved")); /* the working directory moves along */
    YES(getcwd(b, sizeof b) != NULL);
    STR(b + strlen(a));
    YES(getcwd(tiny, sizeof tiny) == NULL && errno == ERANGE);
    SHOW(syscall(SYS_getcwd, b, 2));
    SHOW(syscall(SYS_getcwd, 8, 200));
    YES(syscall(SYS_getcwd, b, sizeof b) == (long)strlen(b) + 1);
    SHOW(chdir("/"));
    STR(getcwd(b, sizeof b));
    SHOW(chdir("/.."));
    STR(getcwd(b, sizeof b));
    char *r = realpath("/dev/../dev/./null", b);
    STR(r);
}
