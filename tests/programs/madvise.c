#include "t.h"

int main(void) {
    catch_faults();
    in_tmp();
    char *p = MUST(mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(p, 5, 8 * PAGE);
    SHOW(madvise(p + 2 * PAGE, 3 * PAGE, MADV_DONTNEED));
    for (int i = 0; i < 8; i++) printf("%d", p[i * PAGE]);
    puts("");
    p[3 * PAGE] = 6;
    SHOW(p[3 * PAGE]);
    /* private file page: changes are dropped, the file shows through again */
    put("f", "original");
    int fd = MUST(open("f", O_RDWR));
    char *f = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    memcpy(f, "modified", 8);
    printf("%.8s\n", f);
    SHOW(madvise(f, PAGE, MADV_DONTNEED));
    printf("%.8s\n", f);
    /* shared anonymous memory keeps its content */
    char *s = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    strcpy(s, "stays");
    SHOW(madvise(s, PAGE, MADV_DONTNEED));
    STR(s);
    SHOW(madvise(p, 8 * PAGE, MADV_FREE));
    p[0] = 8;
    SHOW(p[0]);
    SHOW(madvise(p, 8 * PAGE, MADV_NORMAL));
    SHOW(madvise(p, 8 * PAGE, MADV_RANDOM));
    SHOW(madvise(p, 8 * PAGE, MADV_SEQUENTIAL));
    SHOW(madvise(p, 8 * PAGE, MADV_WILLNEED));
    SHOW(madvise(p, 8 * PAGE, MADV_DONTDUMP));
    SHOW(madvise(p, 8 * PAGE, MADV_DONTFORK));
    SHOW(madvise(p + 1, PAGE, MADV_DONTNEED));
    SHOW(madvise(p, PAGE, 9999));
    SHOW(madvise(p, 0, MADV_DONTNEED));
    memset(p, 1, 8 * PAGE);
    MUST(munmap(p + 4 * PAGE, PAGE));
    SHOW(madvise(p, 8 * PAGE, MADV_DONTNEED));
    SHOW(p[0] + p[7 * PAGE]); /* both sides of the hole were done */
    MUST(mprotect(p, PAGE, PROT_READ));
    SHOW(madvise(p, PAGE, MADV_DONTNEED));
}
