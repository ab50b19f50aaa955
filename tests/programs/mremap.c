#include "t.h"
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

int main(void) {
    catch_faults();
    char *area = MUST(mmap(NULL, 64 * PAGE, PROT_NONE, ANON, -1, 0));
    char *p = MUST(mmap(area, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
    for (int i = 0; i < 4; i++) p[i * PAGE] = (char)(i + 1);
    YES(mremap(p, 4 * PAGE, 2 * PAGE, 0) == p); /* shrink */
    FAULT(p[2 * PAGE] = 1);
    YES(mremap(p, 2 * PAGE, 4 * PAGE, 0) == p); /* grow in place into the hole */
    SHOW(p[0] + 10 * p[PAGE] + 100 * p[2 * PAGE]);
    OK(mremap(p, 4 * PAGE, 8 * PAGE, 0)); /* the neighbour is in the way */
    char *q = mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
    YES(q != MAP_FAILED && q != p);
    SHOW(q[0] + 10 * q[PAGE] + q[7 * PAGE]);
    FAULT(p[0] = 1);
    q[7 * PAGE] = 9;
    YES(mremap(q, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + 20 * PAGE) == area + 20 * PAGE);
    SHOW(area[20 * PAGE] + area[27 * PAGE]);
    FAULT(q[0] = 1);
    OK(mremap(area + 20 * PAGE, 8 * PAGE, 8 * PAGE, MREMAP_FIXED, area));
    OK(mremap(area + 20 * PAGE, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + 24 * PAGE));
    OK(mremap(area + 20 * PAGE, 8 * PAGE, 0, MREMAP_MAYMOVE));
    OK(mremap(area + 20 * PAGE + 1, PAGE, PAGE, MREMAP_MAYMOVE));
    OK(mremap(q, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE));
    OK(mremap(area + 20 * PAGE, 8 * PAGE, 8 * PAGE, 0x80));
    /* a file mapping keeps its offset */
    in_tmp();
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0600));
    for (int i = 0; i < 4; i++) MUST(pwrite(fd, &"abcd"[i], 1, i * (long)PAGE));
    MUST(ftruncate(fd, 4 * PAGE));
    char *f = MUST(mmap(NULL, PAGE, RW, MAP_SHARED, fd, PAGE));
    f = MUST(mremap(f, PAGE, 3 * PAGE, MREMAP_MAYMOVE));
    printf("%c%c%c\n", f[0], f[PAGE], f[2 * PAGE]);
    f[2 * PAGE] = 'D';
    char c;
    SHOW(pread(fd, &c, 1, 3 * PAGE));
    SHOW(c);
}
