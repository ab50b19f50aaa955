#include "t.h"
#include <dirent.h>

static int count(const char *path) {
    DIR *d = opendir(path);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}
static volatile int stop;
static void *idle(void *arg) { while (!stop) msleep(1); return arg; }

int main(void) {
    in_tmp(), put("f", "0123456789");
    int before = count("/proc/self/fd");
    YES(before >= 3);
    int a = MUST(open("f", O_RDWR)), b = MUST(dup(a));
    SHOW(count("/proc/self/fd") - before);
    char path[64], c[8] = {0};
    lseek(a, 5, SEEK_SET);
    snprintf(path, sizeof path, "/proc/self/fd/%d", a);
    int again = MUST(open(path, O_RDONLY)); /* a new description of the same file */
    SHOW(read(again, c, 3)), STR(c);
    SHOW(lseek(a, 0, SEEK_CUR));
    snprintf(path, sizeof path, "/dev/fd/%d", b);
    SHOW(access(path, F_OK));
    struct stat st;
    snprintf(path, sizeof path, "/proc/self/fd/%d", b);
    SHOW(lstat(path, &st)), SHOW(S_ISLNK(st.st_mode));
    SHOW(stat(path, &st)), SHOW(st.st_size);
    close(a), close(b), close(again);
    SHOW(count("/proc/self/fd") - before);
    pthread_t t[3];
    SHOW(count("/proc/self/task"));
    for (int i = 0; i < 3; i++) MUST(pthread_create(&t[i], NULL, idle, NULL));
    SHOW(count("/proc/self/task"));
    stop = 1;
    for (int i = 0; i < 3; i++) MUST(pthread_join(t[i], NULL));
    /* a pipe reopened through its name */
    int p[2];
    MUST(pipe(p)), write(p[1], "pp", 2);
    snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
    again = MUST(open(path, O_RDONLY | O_NONBLOCK));
    SHOW(read(again, c, 8));
}
