#include "t.h"
#include <dirent.h>

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static void list(const char *path) {
    char *names[400];
    int n = 0;
    DIR *d = opendir(path);
    if (!d) { printf("%s: %s\n", path, ename(errno)); return; }
    for (struct dirent *e; (e = readdir(d)) && n < 400; n++) {
        char text[300];
        snprintf(text, sizeof text, "%s:%c", e->d_name, e->d_type == DT_DIR ? 'd' : e->d_type == DT_REG ? 'f'
                 : e->d_type == DT_LNK ? 'l' : e->d_type == DT_FIFO ? 'p' : e->d_type == DT_SOCK ? 's' : '?');
        names[n] = strdup(text);
    }
    closedir(d);
    qsort(names, (size_t)n, sizeof *names, by_name);
    printf("%s: %d:", path, n);
    for (int i = 0; i < n && i < 12; i++) printf(" %s", names[i]);
    puts("");
}

int main(void) {
    in_tmp();
    list(".");
    put("f", ""), MUST(mkdir("d", 0755)), MUST(symlink("f", "l")), MUST(mkfifo("p", 0600));
    list("."), list("d"), list("f"), list("none");
    char name[32];
    for (int i = 0; i < 300; i++) snprintf(name, sizeof name, "d/file%03d", i), put(name, "");
    list("d");
    /* remove while reading: each one is seen once */
    DIR *d = opendir("d");
    int seen = 0, removed = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        seen++;
        snprintf(name, sizeof name, "d/%.20s", e->d_name);
        removed += !unlink(name);
    }
    SHOW(seen);
    SHOW(removed);
    rewinddir(d);
    for (seen = 0; readdir(d); seen++) {}
    SHOW(seen);
    closedir(d);
    /* positions */
    for (int i = 0; i < 10; i++) snprintf(name, sizeof name, "d/%d", i), put(name, "");
    d = opendir("d");
    for (int i = 0; i < 5; i++) readdir(d);
    long at = telldir(d);
    strcpy(name, readdir(d)->d_name);
    readdir(d);
    seekdir(d, at);
    YES(!strcmp(name, readdir(d)->d_name));
    closedir(d);
    /* the raw call */
    char b[64];
    int fd = MUST(open("d", O_RDONLY));
    SHOW(syscall(SYS_getdents64, fd, b, 8));
    YES(syscall(SYS_getdents64, fd, b, sizeof b) > 0);
    int f = MUST(open("f", O_RDONLY));
    SHOW(syscall(SYS_getdents64, f, b, sizeof b));
    SHOW(read(fd, b, 1));
    int empty = MUST(mkdir("gone", 0755)), g = MUST(open("gone", O_RDONLY));
    MUST(rmdir("gone"));
    SHOW(syscall(SYS_getdents64, g, b, sizeof b));
    SHOW(empty);
}
