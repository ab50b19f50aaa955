#include "t.h"

int main(void) {
    in_tmp();
    int fd = open(".", O_RDWR | O_TMPFILE, 0600);
    YES(fd >= 0);
    struct stat st;
    SHOW(write(fd, "hidden", 6));
    SHOW(fstat(fd, &st));
    SHOW(st.st_nlink);
    SHOW(st.st_size);
    printf("%o\n", st.st_mode);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    SHOW(linkat(AT_FDCWD, path, AT_FDCWD, "shown", AT_SYMLINK_FOLLOW));
    STR(get("shown"));
    SHOW(fstat(fd, &st));
    SHOW(st.st_nlink);
    OK(open(".", O_RDONLY | O_TMPFILE, 0600));
    OK(open("shown", O_RDWR | O_TMPFILE, 0600));
    fd = MUST(open(".", O_RDWR | O_TMPFILE | O_EXCL, 0600));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    SHOW(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
    FILE *f = tmpfile();
    YES(f != NULL);
    fprintf(f, "line %d\n", 1);
    rewind(f);
    char line[32];
    YES(fgets(line, sizeof line, f) != NULL);
    STR(line);
    char name[] = "abXXXXXX";
    OK(mkstemp(name));
    SHOW(strlen(name));
    SHOW(access(name, R_OK));
}
