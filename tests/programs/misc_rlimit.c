#include "t.h"

static void show(const char *name, int what) {
    struct rlimit l;
    int r = getrlimit(what, &l);
    printf("%s: %d", name, r);
    if (!r) printf(" soft<=hard %d", l.rlim_cur <= l.rlim_max);
    puts("");
}

int main(void) {
    show("NOFILE", RLIMIT_NOFILE), show("STACK", RLIMIT_STACK), show("AS", RLIMIT_AS), show("CORE", RLIMIT_CORE);
    show("DATA", RLIMIT_DATA), show("FSIZE", RLIMIT_FSIZE), show("NPROC", RLIMIT_NPROC), show("MEMLOCK", RLIMIT_MEMLOCK);
    show("bad", 99);
    struct rlimit l = {128, 256}, got, old;
    SHOW(setrlimit(RLIMIT_NOFILE, &l));
    SHOW(getrlimit(RLIMIT_NOFILE, &got));
    printf("%lu %lu\n", got.rlim_cur, got.rlim_max);
    SHOW(sysconf(_SC_OPEN_MAX));
    l = (struct rlimit){300, 256};
    SHOW(setrlimit(RLIMIT_NOFILE, &l));
    l = (struct rlimit){64, 128};
    SHOW(prlimit(0, RLIMIT_NOFILE, &l, &old));
    printf("%lu %lu\n", old.rlim_cur, old.rlim_max);
    SHOW(prlimit(getpid(), RLIMIT_NOFILE, NULL, &got));
    printf("%lu %lu\n", got.rlim_cur, got.rlim_max);
    SHOW(prlimit(999999999, RLIMIT_NOFILE, NULL, &got));
    SHOW(setrlimit(99, &l)), SHOW(setrlimit(RLIMIT_NOFILE, (void *)8));
    int last = -1;
    for (int fd; (fd = dup(1)) >= 0;) last = fd;
    STR(ename(errno)), SHOW(last);
    close(last);
    SHOW(dup(1) == last);
    close(last);
    /* the address space limit */
    getrlimit(RLIMIT_AS, &old);
    l = (struct rlimit){256 << 20, old.rlim_max};
    SHOW(setrlimit(RLIMIT_AS, &l));
    OK(mmap(NULL, 512 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    YES(malloc(512 << 20) == NULL);
    OK(mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
