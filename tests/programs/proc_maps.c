#include "t.h"

static int found;
static char perms[8], name[256];
static unsigned long from, to, offset;
static int lookup(const void *at) {
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512];
    found = 0;
    while (!found && fgets(line, sizeof line, f)) {
        name[0] = 0;
        if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %255[^\n]", &from, &to, perms, &offset, name) < 4) continue;
        found = (unsigned long)at >= from && (unsigned long)at < to;
    }
    fclose(f);
    return found;
}
static int data = 5;
static void *run(void *arg) {
    int here;
    YES(lookup(&here)), STR(perms), STR(name);
    return arg;
}

int main(int argc, char **argv) {
    int here;
    YES(lookup(&here)), STR(perms), STR(name); /* the main stack */
    YES(to - from >= 8192);
    YES(lookup((void *)(uintptr_t)main)), STR(perms);
    YES(strstr(name, "/proc_maps") != NULL);
    YES(lookup(&data)), STR(perms);
    YES(lookup(sbrk(0) - 1)), STR(perms), STR(name);
    YES(!lookup((void *)8));
    char *p = MUST(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    MUST(mprotect(p + 4 * PAGE, 2 * PAGE, PROT_NONE)), MUST(mprotect(p + 8 * PAGE, PAGE, PROT_READ | PROT_EXEC));
    YES(lookup(p)), STR(perms), YES(to == (unsigned long)(p + 4 * PAGE));
    YES(lookup(p + 4 * PAGE)), STR(perms), SHOW(to - from);
    YES(lookup(p + 6 * PAGE)), STR(perms), SHOW(to - from);
    YES(lookup(p + 8 * PAGE)), STR(perms), SHOW(to - from);
    MUST(munmap(p + 5 * PAGE, PAGE));
    YES(!lookup(p + 5 * PAGE));
    YES(lookup(p + 4 * PAGE)), SHOW(to - from);
    /* neighbours alike become one again */
    MUST(mmap(p + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    MUST(mprotect(p + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE)), MUST(mprotect(p + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE));
    YES(lookup(p)), YES(to >= (unsigned long)(p + 16 * PAGE));
    in_tmp();
    put("file", "0123456789");
    int fd = MUST(open("file", O_RDWR));
    MUST(ftruncate(fd, 4 * PAGE));
    p = MUST(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, PAGE));
    YES(lookup(p)), STR(perms), SHOW(offset);
    YES(!strncmp(name, tmp_path, strlen(tmp_path))), STR(name + strlen(tmp_path));
    unlink("file");
    YES(lookup(p)), STR(name + strlen(tmp_path));
    pthread_t t;
    MUST(pthread_create(&t, NULL, run, NULL)), MUST(pthread_join(t, NULL));
    (void)argc, (void)argv;
}
